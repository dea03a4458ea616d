import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cannotRunDaemon, startDaemon } from './daemon.ts';
import { settle } from './leak-check.ts';

test('disposing a daemon fails, and names what is left of it', { skip: cannotRunDaemon }, async () => {
  const daemon = await startDaemon({ graceMs: 1000 });
  const leak = `${daemon.runDir}/c/left-over`;
  mkdirSync(leak, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'none', leak]);
  const sleeper = execFileSync('sh', [
    '-c',
    'exec sh -c "while :; do sleep 1; done" "$0" >/dev/null 2>&1 & echo $!',
    daemon.folder,
  ]);
  const pid = sleeper.toString().trim();

  await assert.rejects(daemon[Symbol.asyncDispose](), (error: Error) => {
    assert.match(error.message, new RegExp(`- mount: ${leak} \\(tmpfs\\)\n`));
    assert.match(error.message, new RegExp(`- process: ${pid} sh -c .*${daemon.folder}`));
    return true;
  });
  const commandLine = `/proc/${pid}/cmdline`; // empty once it is dead and not reaped
  const left = await settle(() =>
    existsSync(commandLine) ? [readFileSync(commandLine, 'utf8')].filter(Boolean) : [],
  );
  assert.deepEqual(left, [], 'and takes it away');
});

test('a daemon that cannot start says why', { skip: cannotRunDaemon }, async () => {
  await assert.rejects(
    startDaemon({ flags: ['--log-level', 'loud'] }),
    /configuration is not valid: log-level/,
  );
});
