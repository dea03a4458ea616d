import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConmonCommand, conmonArguments } from './conmon-command.ts';

const COMMAND: ConmonCommand = {
  containerId: 'c1',
  processId: 'c1',
  bundle: '/run/c/c1',
  exitDir: '/run/exits',
  log: '/var/log/c1.log',
  runtimePath: '/usr/bin/crun',
  runtimeRoot: '/run/crun',
  hasTerminal: false,
  hasStdin: false,
  closesStdin: false,
};

function value(args: readonly string[], option: string): string | undefined {
  return args[args.indexOf(option) + 1];
}

test('conmonArguments() names the files of a container', () => {
  const args = conmonArguments(COMMAND);
  assert.equal(value(args, '--container-pidfile'), '/run/c/c1/pidfile');
  assert.equal(value(args, '--log-path'), 'k8s-file:/var/log/c1.log');
  assert.deepEqual(args.slice(-4), ['--runtime-arg', '--root', '--runtime-arg', '/run/crun']);
  assert.ok(!args.includes('--exec') && !args.includes('--stdin') && !args.includes('--terminal'));
});

test('conmonArguments() lets stdin go with the client only for a pipe that is to be closed once', () => {
  const cases = [
    { hasStdin: true, closesStdin: true, hasTerminal: false, leavesOpen: false },
    { hasStdin: true, closesStdin: false, hasTerminal: false, leavesOpen: true },
    { hasStdin: true, closesStdin: true, hasTerminal: true, leavesOpen: true },
    { hasStdin: false, closesStdin: false, hasTerminal: false, leavesOpen: false },
  ];
  for (const { leavesOpen, ...changes } of cases) {
    const args = conmonArguments({ ...COMMAND, ...changes });
    assert.equal(args.includes('--leave-stdin-open'), leavesOpen, JSON.stringify(changes));
  }
});

test('conmonArguments() makes an exec of a process spec', () => {
  const { log: _log, ...unlogged } = COMMAND;
  const args = conmonArguments(unlogged, '/run/x/process.json');
  assert.ok(args.includes('--exec'));
  assert.equal(value(args, '--exec-process-spec'), '/run/x/process.json');
  assert.equal(value(args, '--log-path'), 'none');
});

test('conmonArguments() refuses a log path that conmon would cut', () => {
  assert.throws(() => conmonArguments({ ...COMMAND, log: '/var/lo:g' }), { kind: 'invalid' });
});
