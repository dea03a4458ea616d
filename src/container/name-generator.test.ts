import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateName, parseContainerName, requireValidName } from './name-generator.ts';
import { ADJECTIVES, SURNAMES } from './name-words.ts';

test('words are many, lower case, and each is there once', () => {
  for (const words of [ADJECTIVES, SURNAMES]) {
    assert.ok(words.length > 100);
    assert.equal(new Set(words).size, words.length);
    for (const word of words) assert.match(word, /^[a-z]{2,20}$/);
  }
});

test('generateName() makes valid names of two words', () => {
  for (let i = 0; i < 50; i += 1) {
    const name = generateName(() => false);
    assert.match(name, /^[a-z]+_[a-z]+$/);
    assert.equal(parseContainerName(name), name);
  }
});

test('generateName() tries others, then adds ever longer numbers', () => {
  const tried: string[] = [];
  const name = generateName(
    candidate => tried.push(candidate) < 9,
    max => max - 1,
  );
  const plain = `${ADJECTIVES.at(-1)}_${SURNAMES.at(-1)}`;
  assert.deepEqual(tried, [...Array<string>(6).fill(plain), `${plain}9`, `${plain}99`, `${plain}999`]);
  assert.equal(name, `${plain}999`);
});

for (const [text, name] of [
  ['web', 'web'],
  ['/web', 'web'],
  ['a.B-c_9', 'a.B-c_9'],
  ['a'.repeat(200), 'a'.repeat(200)],
] as const) {
  test(`parseContainerName() takes ${text.slice(0, 20)}`, () => assert.equal(parseContainerName(text), name));
}

for (const text of ['', '/', '//web', 'a/b', '-web', '_web', 'wéb', 'web ', 'web\n', '..', 'a b']) {
  test(`parseContainerName() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseContainerName(text), {
      kind: 'invalid',
      message: `Invalid container name (${text}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    });
  });
}

test('parseContainerName() says of a single letter that it is too short', () => {
  for (const text of ['x', '/7'])
    assert.throws(() => parseContainerName(text), { message: /are allowed: two characters are the least$/ });
});

test('parseContainerName() refuses what is too long, and keeps its message short', () => {
  for (const text of ['a'.repeat(201), '/'.repeat(1_000_000)]) {
    assert.throws(
      () => parseContainerName(text),
      (error: Error) => error.message.length < 300,
    );
  }
});

test('requireValidName() takes a name as it is stored, not as clients may send it', () => {
  requireValidName('web');
  assert.throws(() => requireValidName('/web'), { kind: 'invalid' });
  assert.throws(() => requireValidName(''), { kind: 'invalid' });
});
