import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findParent, findProcess } from '#sys/process-handle';
import { spawn } from '#sys/spawn';
import { eventually, RuntimeFixture, readAll, type TestContainer, whyNot } from './runtime-fixture.ts';

const skip = whyNot() ?? false;

/** An exec that is attached, with all it wrote and its exit code. */
async function runExec(
  fixture: RuntimeFixture,
  container: TestContainer,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { streams, exited } = await fixture.runtime.exec(fixture.execOptions(container, args));
  assert.ok(streams);
  const output = await readAll(streams);
  return { code: await exited, ...output };
}

test('an exec that cannot be noted for the next engine is not started, and the reason told', {
  skip: whyNot('crun') ?? false,
}, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'], runtime: 'crun' });
  const options = fixture.execOptions(container, ['sleep', '1000']);
  // In the place of the note; a full disk does the same.
  mkdirSync(join(container.paths.bundle, 'exec', options.execId, 'direct'), { recursive: true });
  await assert.rejects(fixture.runtime.exec(options), { code: 'EISDIR' });
});

for (const runtime of ['crun', 'runc']) {
  const skip = whyNot(runtime) ?? false;

  test(`${runtime}: an exec gives all its output and its exit code, and is no exit of the container`, {
    skip,
  }, async () => {
    await using fixture = new RuntimeFixture();
    const container = await fixture.run({ args: ['sleep', '100'], runtime });
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(await runExec(fixture, container, ['sh', '-c', 'echo out; echo err >&2; exit 4']), {
        code: 4,
        stdout: 'out\n',
        stderr: 'err\n',
      });
    }
    assert.deepEqual(await runExec(fixture, container, ['true']), { code: 0, stdout: '', stderr: '' });
    assert.deepEqual(await runExec(fixture, container, ['sh', '-c', 'kill -9 $$']), {
      code: 137,
      stdout: '',
      stderr: '',
    });
    assert.deepEqual(fixture.exitEvents, []);
    assert.equal(fixture.runtime.state(container.id).status, 'running');
    assert.deepEqual(readdirSync(join(container.paths.bundle, 'exec')), []);
  });

  test(`${runtime}: an exec of what cannot be executed is refused`, { skip }, async () => {
    await using fixture = new RuntimeFixture();
    const container = await fixture.run({ args: ['sleep', '100'], runtime });
    for (const isAttached of [true, false]) {
      await assert.rejects(fixture.runtime.exec(fixture.execOptions(container, ['nosuch'], { isAttached })), {
        kind: 'invalid',
        exitCode: 127,
        message:
          'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH: unknown',
      });
      await assert.rejects(
        fixture.runtime.exec(fixture.execOptions(container, ['/etc/motd'], { isAttached })),
        {
          exitCode: 126,
        },
      );
    }
    assert.deepEqual(readdirSync(join(container.paths.bundle, 'exec')), []);
  });
}

test('an exec reads its input to the end', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const exec = await fixture.runtime.exec(fixture.execOptions(container, ['wc', '-c'], { hasStdin: true }));
  assert.ok(exec.streams);
  exec.streams.input.end(Buffer.alloc(1_000_000, 'x'));
  assert.deepEqual(await readAll(exec.streams), { stdout: '1000000\n', stderr: '' });
  assert.equal(await exec.exited, 0);
});

test('an exec on a terminal has the size it was given, and can be resized', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  // Waited for: crun sets the first size while the process starts, and the second comes by another way than what is typed.
  const has = (size: string): string =>
    `until [ "$(stty size 2>&1)" = "${size}" ]; do sleep 0.01; done; echo ${size}`;
  const script = `${has('20 60')}; ${has('12 34')}`;
  const options = fixture.execOptions(container, ['sh', '-c', script], {
    hasTerminal: true,
    hasStdin: true,
  });
  const exec = await fixture.runtime.exec({
    ...options,
    process: { ...options.process, consoleSize: { height: 20, width: 60 } },
  });
  assert.ok(exec.streams);
  const output = exec.streams.output[Symbol.asyncIterator]();
  assert.equal((await output.next()).value?.data.toString(), '20 60\r\n');
  fixture.runtime.resize(exec.paths, { rows: 12, columns: 34 });
  let rest = '';
  for (let packet = await output.next(); !packet.done; packet = await output.next())
    rest += packet.value.data;
  assert.equal(rest, '12 34\r\n');
  assert.equal(await exec.exited, 0);
});

test('an exec without a client runs on its own', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const exec = await fixture.runtime.exec(
    fixture.execOptions(container, ['sh', '-c', 'echo dropped; echo kept > /tmp/mark; exit 6'], {
      isAttached: false,
    }),
  );
  assert.equal(exec.streams, undefined);
  assert.ok(exec.pid > 0);
  assert.equal(await exec.exited, 6);
  assert.ok(existsSync(join(fixture.root, 'rootfs/tmp/mark')));
});

test('execs end with their container, and leave nothing', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const exec = await fixture.runtime.exec(fixture.execOptions(container, ['sleep', '100']));
  await fixture.delete(container);
  assert.equal(await exec.exited, 137);
  assert.equal(findProcess(exec.pid), undefined);
});

test('an exec that loses its supervisor is ended', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const exec = await fixture.runtime.exec(fixture.execOptions(container, ['sleep', '100']));
  const conmon = findParent(exec.pid);
  assert.ok(conmon);
  process.kill(conmon.pid, 'SIGKILL');
  assert.equal(await exec.exited, 137);
  await eventually(() => findProcess(exec.pid) === undefined, 'the process ends');
});

test('the files of an exec that outlives its engine are removed when it ends', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const execs = join(container.paths.bundle, 'exec');
  const outlived = await spawn({ file: '/bin/sleep', args: ['100'] });
  for (const [name, pid] of Object.entries({ ended: 2 ** 22 + 1, outlived: outlived.pid })) {
    mkdirSync(join(execs, name), { recursive: true });
    writeFileSync(join(execs, name, 'pidfile'), `${pid}`);
  }
  mkdirSync(join(execs, 'neverStarted'));
  fixture.restart();
  assert.deepEqual(readdirSync(execs), ['outlived']);
  outlived.kill('SIGKILL');
  await eventually(() => readdirSync(execs).length === 0, 'the last one is removed');
});

test('an exec that outlives its engine goes on, whatever it writes, and its files are removed when it ends', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const writes = 'while [ ! -e /tmp/go ]; do sleep 0.02; done; head -c 3000000 /dev/zero; exit 5';
  const execs = join(container.paths.bundle, 'exec');
  const { pid } = await fixture.runtime.exec(fixture.execOptions(container, ['sh', '-c', writes]));
  fixture.restart();
  assert.equal(readdirSync(execs).length, 1);
  assert.ok(findProcess(pid));
  await runExec(fixture, container, ['sh', '-c', '> /tmp/go']);
  await eventually(() => readdirSync(execs).length === 0, 'the files are removed');
  assert.equal(findProcess(pid), undefined);
});

test('a client that leaves does not end an exec, however much it writes', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const exec = await fixture.runtime.exec(
    fixture.execOptions(container, [
      'sh',
      '-c',
      'head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2; exit 5',
    ]),
  );
  exec.streams?.[Symbol.dispose]();
  assert.equal(await exec.exited, 5);
});

test('an exec ends with its process, also when a child of that still holds the output', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  assert.deepEqual(await runExec(fixture, container, ['sh', '-c', 'sleep 100 & echo out; exit 3']), {
    code: 3,
    stdout: 'out\n',
    stderr: '',
  });
});

test('many execs at once all give their own output', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, i) => runExec(fixture, container, ['sh', '-c', `echo ${i}; exit ${i}`])),
  );
  assert.deepEqual(
    results,
    results.map((_, i) => ({ code: i, stdout: `${i}\n`, stderr: '' })),
  );
});

test('an aborted exec leaves nothing', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  for (const delayMs of [0, 1, 3, 6]) {
    const abort = new AbortController();
    const options = fixture.execOptions(container, ['sleep', '50'], { signal: abort.signal });
    const starting = fixture.runtime.exec(options);
    setTimeout(() => abort.abort(), delayMs);
    await starting.catch((error: unknown) => assert.equal((error as { kind?: string }).kind, 'cancelled'));
  }
  assert.equal(fixture.runtime.state(container.id).status, 'running');
});

test('an exec in a container that has ended is refused', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['true'] });
  await container.exit;
  await assert.rejects(fixture.runtime.exec(fixture.execOptions(container, ['true'])), { exitCode: 128 });
});
