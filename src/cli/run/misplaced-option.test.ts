import assert from 'node:assert/strict';
import { test } from 'node:test';
import { misplacedOptionNote } from './misplaced-option.ts';

test('an option of ours after the image gets a note that shows where it belongs', () => {
  assert.equal(
    misplacedOptionNote('run', ['mysql', '-e', 'MYSQL_ROOT_PASSWORD=root']),
    [
      'Note: "-e MYSQL_ROOT_PASSWORD=root" comes after the image, so it goes to the program in the container.',
      '      Options of run come first: quai run -e MYSQL_ROOT_PASSWORD=root ... mysql',
    ].join('\n'),
  );
});

for (const words of [
  ['nginx', '-p', '8080:80'],
  ['nginx', '-v', '/a:/b'],
  ['nginx', '--name', 'web'],
  ['nginx', '--network=mine'],
  ['nginx', '-d', '--restart', 'always'],
]) {
  test(`a note is given for ${words.join(' ')}`, () => assert.ok(misplacedOptionNote('run', words)));
}

for (const words of [
  ['busybox'],
  ['busybox', 'sh', '-e', 'A=1'],
  ['curl', '-u', 'me:secret', 'https://example.com'],
  ['grep', '-e', 'pattern', 'file'],
  ['app', '-p', 'x'],
  ['app', '-v'],
  ['app', '--rm'],
  ['app', '--verbose', 'yes'],
  ['app', '--constructor', 'x'],
  ['app', '--name'],
]) {
  test(`no note is given for ${words.join(' ')}`, () =>
    assert.equal(misplacedOptionNote('run', words), undefined));
}
