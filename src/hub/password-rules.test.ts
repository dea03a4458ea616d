import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPassword } from './password-rules.ts';

test('a password has eight characters, is none of the commonest, and not the name of the account', () => {
  checkPassword('correct horse', 'alice');
  checkPassword('motdepassé', 'alice');
  const bad = ['', 'short12', 'password', 'PassWord1', 'qwerty123', 'aaaaaaaa', 'abababab', 'changeme'];
  bad.push('alice-the-1st', 'Alice The 1st', 'alice-the-1st2026', 'x'.repeat(257));
  for (const password of bad) {
    assert.throws(() => checkPassword(password, 'alice-the-1st'), { kind: 'invalid' }, password);
  }
  assert.throws(() => checkPassword('alicealice', 'alice'), { kind: 'invalid' });
});
