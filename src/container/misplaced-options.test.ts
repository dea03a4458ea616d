import assert from 'node:assert/strict';
import { test } from 'node:test';
import { misplacedOptionsHint } from './misplaced-options.ts';

test('misplacedOptionsHint() sees options of run behind the image', () => {
  const cases: readonly (readonly string[])[] = [
    ['-e', 'MYSQL_ROOT_PASSWORD=root'],
    ['-d', '-p', '8080:80'],
    ['--name=web'],
    ['-v', '/srv:/data:ro'],
  ];
  for (const command of cases) {
    assert.match(
      misplacedOptionsHint(command, 'mysql') ?? '',
      /behind the image "mysql".*options of run come before the image/,
    );
  }
});

test('misplacedOptionsHint() leaves the options of programs alone', () => {
  const cases: readonly (readonly string[])[] = [
    [],
    ['--character-set-server=utf8mb4'],
    ['sh', '-c', 'echo', '-e', 'A=1'],
    ['-e', 'print 1'],
    ['-p', 'secret'],
  ];
  for (const command of cases) assert.equal(misplacedOptionsHint(command, 'x'), undefined, command.join(' '));
});
