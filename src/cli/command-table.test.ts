import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands, findCommand, groups, launcherCommands, missingCommands } from './command-table.ts';
import { nameOf } from './error-report.ts';

test('every entry loads a command that is called as the table says, with a summary and distinct short flags', async () => {
  assert.ok(commands.length > 35);
  for (const entry of commands) {
    const command = await entry.load();
    assert.equal(nameOf(command), entry.paths[0], 'usage begins with the name');
    assert.ok(command.summary.length > 0);
    const shorts = Object.values(command.flags).flatMap(flag => (flag.short ? [flag.short] : []));
    assert.equal(new Set(shorts).size, shorts.length, `${entry.paths[0]}: a short flag is given twice`);
    assert.ok(shorts.every(short => short.length === 1));
  }
});

test('no way to call a command is given twice, and none is also said to be missing', () => {
  const paths = [...commands.flatMap(entry => entry.paths), ...launcherCommands.map(one => one.name)];
  assert.equal(new Set(paths).size, paths.length);
  assert.deepEqual(
    paths.filter(path => Object.hasOwn(missingCommands, path)),
    [],
  );
  assert.deepEqual(
    paths.filter(path => path.includes(' ') && !Object.hasOwn(groups, path.split(' ')[0] ?? '')),
    [],
  );
});

test('findCommand() takes one word, or two in a group', () => {
  assert.equal(findCommand(['ps', '-a'])?.length, 1);
  assert.equal(findCommand(['container', 'ls', '-a'])?.length, 2);
  assert.equal(findCommand(['container', 'ls'])?.entry, findCommand(['ps'])?.entry);
  assert.equal(findCommand(['container']), undefined);
  assert.equal(findCommand(['nope']), undefined);
  assert.equal(findCommand([]), undefined);
});
