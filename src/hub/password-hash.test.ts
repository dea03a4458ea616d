import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordHasher } from './password-hash.ts';

const CHEAP = { logN: 4, r: 1, p: 1 };

test('a hash keeps its settings and its salt, and fits one password', async () => {
  const hasher = new PasswordHasher(CHEAP);
  const [one, other] = [await hasher.hash('tëst word'), await hasher.hash('tëst word')];
  assert.match(one, /^scrypt\$4\$1\$1\$/);
  assert.notEqual(one, other);
  assert.ok(await hasher.verify('tëst word', one));
  assert.ok(await hasher.verify('te\u0308st word', one), 'as another keyboard writes it');
  assert.ok(!(await hasher.verify('test word', one)));
  const dearer = new PasswordHasher({ logN: 5, r: 1, p: 1 });
  assert.ok(await dearer.verify('tëst word', one));
  assert.deepEqual([hasher.isOutdated(one), dearer.isOutdated(one)], [false, true]);
});

test('without a hash it is never true, and as much work', async () => {
  const hasher = new PasswordHasher(CHEAP);
  for (const password of ['', 'anything']) assert.equal(await hasher.verify(password, undefined), false);
  await assert.rejects(hasher.verify('x', 'scrypt$4$1$1$$'), { kind: 'dataLoss' });
});

test('more than a bounded number do not wait', async () => {
  const hasher = new PasswordHasher({ logN: 10, r: 8, p: 1 });
  const all = await Promise.allSettled(Array.from({ length: 60 }, () => hasher.verify('x', undefined)));
  const refused = all.filter(result => result.status === 'rejected');
  assert.equal(refused.length, 10);
  assert.ok(await hasher.verify('x', await hasher.hash('x')), 'and the places are free again');
});
