import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, RuntimeFixture, readAll, whyNot } from './runtime-fixture.ts';

const skip = whyNot() ?? false;
const WITH_STDIN = { hasStdin: true, closesStdin: true };

test('input reaches the process whole and in order, and its end closes stdin', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['cat'], options: { ...WITH_STDIN, isLogged: false } });
  const streams = fixture.runtime.attach(container.paths);
  const bytes = Buffer.alloc(
    3_000_000,
    Uint8Array.from({ length: 251 }, (_, i) => i),
  );
  streams.input.end(bytes);
  const hash = createHash('sha256');
  for await (const { stream, data } of streams.output) {
    assert.equal(stream, 'stdout');
    hash.update(data);
  }
  assert.equal(hash.digest('hex'), createHash('sha256').update(bytes).digest('hex'));
  assert.equal((await container.exit).code, 0);
});

test('a process that leaves its input unread loses none of its output', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  for (let round = 0; round < 5; round++) {
    const container = await fixture.create({ args: ['seq', '1', '3000'], options: WITH_STDIN });
    const streams = fixture.runtime.attach(container.paths);
    streams.input.write(Buffer.alloc(1_000_000, 'x'));
    await pause(20); // until it fills all there is between us and the process
    await fixture.runtime.start(container.id, 'crun');
    // conmon closes the connection before anything was read from it: the event loop stands still until then.
    while (!existsSync(join(fixture.runDir, 'exits', container.id))) block(1);
    block(5);
    const { stdout } = await readAll(streams);
    assert.equal(stdout.length, 13_893, `round ${round}`);
    await container.exit;
    await fixture.delete(container);
  }
});

async function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  await promise;
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('without StdinOnce the end of a client leaves stdin open for the next one', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({
    args: ['sh', '-c', 'read a; echo "got $a"; read b; echo "got $b"'],
    options: { hasStdin: true },
  });
  const first = fixture.runtime.attach(container.paths);
  first.input.end('one\n');
  await eventually(() => fixture.log(container).includes('got one'), 'the first line');
  first[Symbol.dispose]();
  const second = fixture.runtime.attach(container.paths);
  second.input.write('two\n');
  assert.deepEqual(await readAll(second), { stdout: 'got two\n', stderr: '' });
  assert.equal((await container.exit).code, 0);
});

test('with StdinOnce only a client that may type closes stdin when it leaves', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({
    args: ['sh', '-c', 'echo ready; cat; echo over'],
    options: WITH_STDIN,
  });
  const typing = fixture.runtime.attach(container.paths);
  const watching = fixture.runtime.attach(container.paths, { hasInput: false });
  await eventually(() => fixture.log(container).includes('ready'), 'the process');
  watching[Symbol.dispose]();
  typing.input.write('still here\n');
  await eventually(() => fixture.log(container).includes('still here'), 'the input');
  typing[Symbol.dispose]();
  assert.equal((await container.exit).code, 0);
  assert.match(fixture.log(container), /stdout F over\n$/);
});

test('several clients see the same output', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.create({ args: ['seq', '1', '20000'] });
  const clients = [1, 2, 3].map(() => fixture.runtime.attach(container.paths));
  await fixture.runtime.start(container.id, 'crun');
  const outputs = await Promise.all(clients.map(readAll));
  const expected = `${Array.from({ length: 20_000 }, (_, i) => i + 1).join('\n')}\n`;
  for (const { stdout } of outputs) assert.equal(stdout, expected);
});

test('a client that does not read holds the process up, and loses nothing', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const bytes = 20_000_000;
  const container = await fixture.create({
    args: ['sh', '-c', `yes 0123456789012345678901234567890123456789 | head -c ${bytes}; echo >&2 written`],
    options: { isLogged: false },
  });
  const streams = fixture.runtime.attach(container.paths);
  await fixture.runtime.start(container.id, 'crun');
  const reader = streams.output[Symbol.asyncIterator]();
  let received = (await reader.next()).value?.data.length ?? 0;
  await pause(300); // long enough to write all of it if nothing held it up
  assert.equal(fixture.runtime.state(container.id).status, 'running');
  for (;;) {
    const { done, value } = await reader.next();
    if (done) break;
    if (value.stream === 'stdout') received += value.data.length;
  }
  assert.equal(received, bytes);
  assert.equal((await container.exit).code, 0);
});

test('a client that never reads does not hide that the process was killed', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.create({ args: ['yes'], options: { isLogged: false } });
  const streams = fixture.runtime.attach(container.paths);
  await fixture.runtime.start(container.id, 'crun');
  await streams.output[Symbol.asyncIterator]().next();
  await pause(100); // until all buffers are full
  fixture.runtime.kill(container.id, 9);
  assert.equal((await container.exit).code, 137);
  await readAll(streams);
});

test('a terminal is sized before and after the start, and both streams are one', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.create({
    args: ['sh', '-c', 'stty size; read a; stty size; echo err >&2'],
    options: { hasTerminal: true, ...WITH_STDIN },
  });
  const streams = fixture.runtime.attach(container.paths);
  fixture.runtime.resize(container.paths, { rows: 33, columns: 77 });
  await eventually(() => winsize(fixture, container.id) === '33 77', 'the first size');
  await fixture.runtime.start(container.id, 'crun');
  await eventually(() => fixture.log(container).includes('33 77'), 'the first line');
  fixture.runtime.resize(container.paths, { rows: 10, columns: 5000 });
  await eventually(() => winsize(fixture, container.id) === '10 1000', 'the second size');
  streams.input.write('go\n');
  const { stdout, stderr } = await readAll(streams);
  assert.equal(stdout, '33 77\r\ngo\r\n10 1000\r\nerr\r\n');
  assert.equal(stderr, '');
  assert.equal((await container.exit).code, 0);
  fixture.runtime.resize(container.paths, { rows: 1, columns: 1 });
});

/** What `stty size` says of the terminal of the container's first process. */
function winsize(fixture: RuntimeFixture, id: string): string {
  const { pid } = fixture.runtime.state(id);
  return execFileSync('/bin/busybox', ['stty', '-F', `/proc/${pid}/fd/0`, 'size'], {
    encoding: 'utf8',
  }).trim();
}

test('a log that was renamed is continued in a new file, without a line lost', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({
    args: [
      'sh',
      '-c',
      'trap go=on USR1; i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); while [ $i = 100 ] && [ -z "$go" ]; do sleep 0.01; done; done',
    ],
  });
  await eventually(() => fixture.log(container).includes('F 20\n'), 'some lines');
  renameSync(container.paths.log, `${container.paths.log}.1`);
  fixture.runtime.reopenLog(container.paths);
  fixture.runtime.kill(container.id, constants.signals.SIGUSR1);
  await container.exit;
  const old = readFileSync(`${container.paths.log}.1`, 'utf8');
  const numbers = `${old}${fixture.log(container)}`.match(/(?<=F )\d+/g)?.map(Number);
  assert.deepEqual(
    numbers,
    Array.from({ length: 300 }, (_, i) => i),
  );
  assert.ok(existsSync(container.paths.log) && fixture.log(container).length > 0);
});

test('without logging there is no log file', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['echo', 'x'], options: { isLogged: false } });
  await container.exit;
  assert.equal(existsSync(container.paths.log), false);
});

test('attach() refuses when the process has ended', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['true'] });
  await container.exit;
  await fixture.delete(container);
  assert.throws(() => fixture.runtime.attach(container.paths), { kind: 'conflict' });
});
