import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { EncryptedFile } from './encrypted-file.ts';

interface Place extends Disposable {
  readonly own: string;
  readonly keys: string;
}

function place(): Place {
  const folder = mkdtempSync(path.join(tmpdir(), 'quai-credentials-'));
  return {
    own: path.join(folder, 'own'),
    keys: path.join(folder, 'keys'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}

const me = { username: 'me', password: 'secret' };
const token = { username: 'you', identityToken: 'given' };

test('what is written is read again, one server at a time; the file goes with the last', () => {
  using folders = place();
  const file = new EncryptedFile(folders);
  assert.equal(file.read().size, 0);
  file.write('a:5000', me);
  file.write('b:5000', token);
  assert.deepEqual(
    [...new EncryptedFile(folders).read()],
    [
      ['a:5000', me],
      ['b:5000', token],
    ],
  );
  assert.equal(statSync(file.path).mode & 0o777, 0o600);
  assert.doesNotMatch(readFileSync(file.path, 'utf8'), /secret|given|5000/);
  file.write('a:5000', undefined);
  file.write('nosuch', undefined);
  assert.deepEqual([...file.read().keys()], ['b:5000']);
  file.write('b:5000', undefined);
  assert.ok(!existsSync(file.path));
});

test('another machine, another key and a changed file open nothing', () => {
  using folders = place();
  new EncryptedFile(folders, { machineId: () => 'one' }).write('a', me);
  const refused = { name: 'CliError', message: /cannot open the credentials/ };
  assert.throws(() => new EncryptedFile(folders, { machineId: () => 'two' }).read(), refused);
  const file = new EncryptedFile(folders, { machineId: () => 'one' });
  const sealed = readFileSync(file.path, 'utf8');
  const json = JSON.parse(sealed) as { data: string; tag: string };
  const flip = (text: string): string => (text.startsWith('A') ? 'B' : 'A') + text.slice(1);
  for (const changed of [
    { ...json, data: flip(json.data) },
    { ...json, tag: json.tag.slice(0, 8) },
    {},
    null,
  ]) {
    writeFileSync(file.path, JSON.stringify(changed));
    assert.throws(() => file.read(), refused, JSON.stringify(changed));
  }
  writeFileSync(file.path, sealed);
  assert.equal(file.read().size, 1);
  writeFileSync(path.join(folders.keys, 'credentials.key'), Buffer.alloc(32));
  assert.throws(() => file.read(), refused);
  assert.throws(() => file.write('a', undefined), refused, 'logging out does not throw the rest away');
  file.write('c', me);
  assert.deepEqual([...file.read().keys()], ['c'], 'logging in starts anew');
});

test('two writes never use one nonce', () => {
  using folders = place();
  const file = new EncryptedFile(folders);
  const nonces = [1, 2, 3].map(() => {
    file.write('a', me);
    return (JSON.parse(readFileSync(file.path, 'utf8')) as { nonce: string }).nonce;
  });
  assert.equal(new Set(nonces).size, 3);
});
