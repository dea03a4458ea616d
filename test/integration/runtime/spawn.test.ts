import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createMemoryFile, createPipe, readTail } from '#sys/descriptors';
import { findProcess, watchProcess } from '#sys/process-handle';
import { spawn } from '#sys/spawn';

const skip = existsSync('/bin/sh') ? false : 'needs /bin/sh';

/** Runs a shell script whose output goes to a file in memory. */
async function runScript(script: string, changes: Partial<Parameters<typeof spawn>[0]> = {}) {
  using output = createMemoryFile('output');
  const fds = new Map([[1, output.number], [2, output.number], ...(changes.fds ?? [])]);
  const { exited } = await spawn({ file: '/bin/sh', args: ['-c', script], ...changes, fds });
  const keepAlive = setInterval(() => undefined, 1000);
  const status = await exited;
  clearInterval(keepAlive);
  return { status, output: readTail(output.number, 4096) };
}

test('spawn() tells how a process ended', { skip }, async () => {
  assert.deepEqual((await runScript('exit 7')).status, { code: 7 });
  assert.deepEqual((await runScript('kill -15 $$')).status, { signal: 15 });
});

test('spawn() gives the environment and folder it was told, and no other', { skip }, async () => {
  const { output } = await runScript('/usr/bin/env | grep -v ^PWD; pwd', { env: { A: 'b c' }, cwd: '/usr' });
  assert.match(output, /^A=b c\n(_=.*\n|SHLVL=.*\n|OLDPWD.*\n)*\/usr\n$/);
});

test('spawn() gives exactly the descriptors it was told, wherever ours are', { skip }, async () => {
  using pipe = disposablePipe();
  // Numbers that are each other's targets: copied one after the other they would overwrite one another.
  const [low, high] = [pipe.reader.number, pipe.writer.number].toSorted((a, b) => a - b);
  assert.ok(low !== undefined && high !== undefined);
  const fds = new Map([
    [low, high],
    [high, low],
  ]);
  const { output } = await runScript('ls -l /proc/self/fd', { fds });
  const numbers = output.match(/ (\d+) -> /g)?.map(text => Number.parseInt(text, 10));
  const shell = numbers?.filter(number => number > high || (number > 2 && number < low)) ?? [];
  assert.ok(shell.length <= 1, `only the folder that ls reads: ${output}`);
  assert.deepEqual(
    numbers?.filter(number => !shell.includes(number)),
    [0, 1, 2, low, high],
  );
});

test('spawn() starts with no signal blocked or ignored', { skip }, async () => {
  const { output } = await runScript('grep -E "SigBlk|SigIgn" /proc/self/status');
  const [blocked = 'x', ignored = 'x'] = output.match(/[0-9a-f]{16}/g) ?? [];
  assert.equal(BigInt(`0x${blocked}`), 0n);
  // 32 and 33 belong to the C library, which does not let them be changed.
  assert.equal(BigInt(`0x${ignored}`) & ~0x180000000n, 0n);
});

test('spawn() refuses a program that is not there', { skip }, async () => {
  await assert.rejects(spawn({ file: '/bin/nosuch', args: [] }), { code: 'ENOENT', syscall: 'posix_spawn' });
});

test('kill() does nothing once the process was reaped', { skip }, async () => {
  const child = await spawn({ file: '/bin/sleep', args: ['100'] });
  child.kill('SIGKILL');
  const keepAlive = setInterval(() => undefined, 1000);
  assert.deepEqual(await child.exited, { signal: 9 });
  clearInterval(keepAlive);
  child.kill('SIGKILL');
});

test('watchProcess() tells when a process ends, also one that is no child', { skip }, async () => {
  using output = createMemoryFile('pid');
  // The shell ends at once and leaves its child to somebody else.
  const shell = await spawn({
    file: '/bin/sh',
    args: ['-c', 'sleep 1000 & echo $!'],
    fds: new Map([[1, output.number]]),
  });
  const keepAlive = setInterval(() => undefined, 1000);
  await shell.exited;
  const handle = findProcess(Number(readTail(output.number, 20)));
  assert.ok(handle);
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = watchProcess(handle, resolve);
  process.kill(handle.pid, 'SIGKILL');
  await promise;
  clearInterval(keepAlive);
  assert.ok(
    !existsSync(`/proc/${handle.pid}`) || readFileSync(`/proc/${handle.pid}/stat`, 'utf8').includes(') Z '),
  );
});

function disposablePipe() {
  const pipe = createPipe();
  return {
    ...pipe,
    [Symbol.dispose]: () => {
      pipe.reader[Symbol.dispose]();
      pipe.writer[Symbol.dispose]();
    },
  };
}
