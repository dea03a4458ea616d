import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedMode, parseFileMode } from './file-mode.ts';

// As GNU's chmod does with a umask of 0.
for (const [change, before, file, folder = file] of [
  ['755', 0o644, 0o755],
  ['04711', 0o644, 0o4711],
  ['u+x', 0o644, 0o744],
  ['+x', 0o640, 0o751],
  ['a=r', 0o777, 0o444],
  ['go-rwx', 0o755, 0o700],
  ['u=rwX,go=rX', 0o600, 0o644, 0o755],
  ['a+X', 0o700, 0o711],
  ['g=u,o-rwx', 0o640, 0o660],
  ['u+s,g+s,+t', 0o755, 0o7755],
  ['o+t', 0o755, 0o1755],
  ['u=', 0o4755, 0o055, 0o4055],
  ['u-x+w', 0o544, 0o644],
  ['=', 0o755, 0],
] as const) {
  test(`a mode of ${change} over ${before.toString(8)}`, () => {
    const parsed = parseFileMode(change);
    assert.ok(parsed !== undefined);
    assert.equal(changedMode(parsed, before, { isDirectory: false }).toString(8), file.toString(8));
    assert.equal(changedMode(parsed, before, { isDirectory: true }).toString(8), folder.toString(8));
  });
}

for (const text of [
  '',
  '8',
  '999999',
  'x',
  'u',
  'rwx',
  'u+q',
  'u+ug',
  '+x,',
  ',+x',
  '+x '.repeat(3),
  `+x${',+x'.repeat(100)}`,
]) {
  test(`a mode of ${text.slice(0, 20)} is none`, () => {
    assert.equal(parseFileMode(text), undefined);
  });
}
