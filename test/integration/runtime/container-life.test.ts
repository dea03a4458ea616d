import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EngineError } from '#base/errors';
import { cgroupDirectory, detectCgroups } from '#sys/cgroup';
import { findProcess } from '#sys/process-handle';
import { spawn } from '#sys/spawn';
import { cannotMountFuse, SilentFuse } from '../../support/silent-fuse.ts';
import { eventually, RuntimeFixture, readAll, type TestContainer, whyNot } from './runtime-fixture.ts';

const SIGTERM = 15;
const SIGKILL = 9;

for (const runtime of ['crun', 'runc']) {
  const skip = whyNot(runtime) ?? false;

  test(`${runtime}: a container waits for its start, runs, and leaves its exit code`, { skip }, async () => {
    await using fixture = new RuntimeFixture();
    const container = fixture.prepare({ args: ['sh', '-c', 'echo out; echo err >&2; exit 3'], runtime });
    const { pid, supervisorPid } = await fixture.runtime.create(container.options);
    assert.ok(pid > 0 && supervisorPid > 0 && pid !== supervisorPid);
    assert.deepEqual(fixture.runtime.state(container.id), { status: 'created', pid });
    const before = Date.now();
    await fixture.runtime.start(container.id, runtime);
    const { id, code, exitedAt, isOomKilled } = await container.exit;
    assert.deepEqual({ id, code, isOomKilled }, { id: container.id, code: 3, isOomKilled: false });
    assert.ok(exitedAt >= before - 10 && exitedAt <= Date.now() + 10, `${exitedAt}`);
    assert.deepEqual(fixture.runtime.state(container.id), { status: 'gone' });
    assert.match(fixture.log(container), /^\S+ stdout F out\n\S+ stderr F err\n$/);
    await fixture.delete(container);
    await fixture.delete(container);
  });

  test(`${runtime}: a client attached before the start gets every byte`, { skip }, async () => {
    await using fixture = new RuntimeFixture();
    const container = await fixture.create({ args: ['sh', '-c', 'echo out; echo err >&2'], runtime });
    const streams = fixture.runtime.attach(container.paths);
    await fixture.runtime.start(container.id, runtime);
    assert.deepEqual(await readAll(streams), { stdout: 'out\n', stderr: 'err\n' });
    await container.exit;
  });

  test(`${runtime}: a command that is not there, or cannot be executed, is refused and leaves nothing`, {
    skip,
  }, async () => {
    await using fixture = new RuntimeFixture();
    const cases = [
      {
        command: 'nosuch',
        exitCode: 127,
        message: /exec: "nosuch": executable file not found in \$PATH: unknown$/,
      },
      {
        command: '/bin/nosuch',
        exitCode: 127,
        message: /exec: "\/bin\/nosuch": stat \/bin\/nosuch: no such file or directory: unknown$/,
      },
      { command: '/etc/motd', exitCode: 126, message: /exec: "\/etc\/motd": permission denied: unknown$/ },
      {
        command: '/etc',
        exitCode: 126,
        message: /exec: "\/etc": (is a directory|permission denied): unknown$/,
      },
    ];
    for (const { command, exitCode, message } of cases) {
      const container = fixture.prepare({ args: [command], runtime });
      await assert.rejects(
        fixture.runtime.create(container.options),
        { kind: 'invalid', exitCode, message },
        command,
      );
      assert.equal(existsSync(container.paths.bundle), false);
    }
    assert.deepEqual(fixture.exitEvents, []);
  });

  test(`${runtime}: a container that was never started is deleted without an exit`, { skip }, async () => {
    await using fixture = new RuntimeFixture();
    const container = await fixture.create({ args: ['sleep', '100'], runtime });
    await fixture.delete(container);
    assert.deepEqual(fixture.runtime.state(container.id), { status: 'gone' });
    assert.deepEqual(fixture.runtime.list(), []);
    assert.deepEqual(fixture.exitEvents, []);
  });
}

const skip = whyNot() ?? false;

test('kill() sends the signal to the first process, and is happy when it is gone', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const trap = await fixture.run({
    args: ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.01; done'],
  });
  await eventually(() => fixture.log(trap).includes('ready'), 'the trap is set');
  fixture.runtime.kill(trap.id, SIGTERM);
  assert.equal((await trap.exit).code, 7);
  fixture.runtime.kill(trap.id, SIGTERM);
  fixture.runtime.kill('unknown', SIGTERM);
  const sleeper = await fixture.run({ args: ['sleep', '100'] });
  fixture.runtime.kill(sleeper.id, SIGKILL);
  assert.equal((await sleeper.exit).code, 128 + SIGKILL);
});

test('pause() stops all processes, resume() continues them', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sh', '-c', 'while :; do echo tick; sleep 0.01; done'] });
  const ticks = (): number => fixture.log(container).length;
  await eventually(() => ticks() > 0, 'the first tick');
  fixture.runtime.pause(container.id);
  await eventually(() => frozen(container), 'all are stopped');
  const stopped = ticks();
  assert.equal(fixture.runtime.state(container.id).status, 'running');
  fixture.runtime.resume(container.id);
  await eventually(() => ticks() > stopped + 100, 'it goes on');
  fixture.runtime.pause(container.id);
  await fixture.delete(container); // also dies while it is stopped
});

function frozen({ options }: TestContainer): boolean {
  const cgroups = detectCgroups();
  const directory = cgroupDirectory(cgroups, options.spec.linux.cgroupsPath, 'freezer') ?? '';
  return cgroups.version === 2
    ? readFileSync(join(directory, 'cgroup.events'), 'utf8').includes('frozen 1')
    : readFileSync(join(directory, 'freezer.state'), 'utf8') === 'FROZEN\n';
}

test('an engine that starts again finds its containers and their exits, once', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const waiting = await fixture.create({ args: ['true'] });
  const running = await fixture.run({ args: ['sleep', '100'] });
  const ended = await fixture.run({ args: ['sh', '-c', 'exit 5'] });
  await ended.exit;
  const { pid } = fixture.runtime.state(running.id);
  fixture.restart();
  assert.equal(
    fixture.exitEvents.filter(({ id }) => id === ended.id).length,
    2,
    'not forgotten: reported again',
  );
  assert.equal(fixture.runtime.state(waiting.id).status, 'created');
  assert.deepEqual(fixture.runtime.state(running.id), { status: 'running', pid });
  assert.deepEqual(fixture.runtime.state(ended.id), { status: 'gone' });
  assert.deepEqual(fixture.runtime.list().toSorted(), [waiting.id, running.id, ended.id].toSorted());
  fixture.runtime.forgetExit(ended.id);
  await fixture.runtime.start(waiting.id, 'crun');
  assert.equal((await waiting.exit).code, 0);
  fixture.runtime.kill(running.id, SIGKILL);
  assert.equal((await running.exit).code, 137);
  fixture.restart();
  assert.equal(fixture.exitEvents.filter(({ id }) => id === ended.id).length, 2, 'forgotten');
});

test('a container whose creation the engine did not see the end of is found and deleted', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.create({ args: ['sleep', '100'] });
  const file = join(fixture.runDir, 'records', container.id);
  const early = readFileSync(file, 'utf8').split('\n').find(Boolean) ?? '';
  assert.doesNotMatch(early, /"pid"/);
  writeFileSync(file, `${early}\n`);
  fixture.restart();
  assert.equal(fixture.runtime.state(container.id).status, 'created');
  await fixture.delete(container);
  assert.deepEqual(fixture.exitEvents, []);
});

test('a container whose supervisor died with the engine that started it is deleted, and whoever adopted it is left alone', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  const { options } = fixture.prepare({ args: ['sleep', '100'] });
  const { pid, supervisorPid } = await fixture.runtime.create(options);
  const file = join(fixture.runDir, 'records', options.id);
  const early = readFileSync(file, 'utf8').split('\n').find(Boolean) ?? '';
  fixture.stop();
  process.kill(supervisorPid, 'SIGKILL');
  await eventually(() => findProcess(supervisorPid) === undefined, 'the supervisor ends');
  writeFileSync(file, `${early}\n`);
  fixture.start();
  assert.deepEqual(fixture.runtime.state(options.id), { status: 'created', pid });
  assert.doesNotMatch(readFileSync(file, 'utf8'), /"supervisor"/);
  await fixture.runtime.delete(options.id, 'crun');
  await eventually(() => findProcess(pid) === undefined, 'the process ends');
});

test('a supervisor that had only just been started when the engine was killed is ended with its container', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  const { options } = fixture.prepare({ args: ['sleep', '100'] });
  const { supervisorPid } = await fixture.runtime.create(options);
  const file = join(fixture.runDir, 'records', options.id);
  const early = readFileSync(file, 'utf8').split('\n').find(Boolean) ?? '';
  fixture.stop();
  process.kill(supervisorPid, 'SIGKILL');
  await eventually(() => findProcess(supervisorPid) === undefined, 'the supervisor ends');
  writeFileSync(file, `${early}\n`);
  rmSync(join(options.paths.bundle, 'pidfile'));
  // Stands for a conmon that has not got as far as to start the runtime.
  const supervisor = await spawn({ file: '/bin/sleep', args: ['100'], cwd: options.paths.bundle });
  fixture.start();
  await fixture.runtime.delete(options.id, 'crun');
  assert.deepEqual(await supervisor.exited, { signal: SIGKILL });
});

test('a container that loses its supervisor is ended and reported, also after a restart of the engine', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  for (const isRestarted of [false, true]) {
    const container = fixture.prepare({ args: ['sleep', '100'] });
    const { pid, supervisorPid } = await fixture.runtime.create(container.options);
    await fixture.runtime.start(container.id, 'crun');
    if (isRestarted) fixture.restart();
    process.kill(supervisorPid, 'SIGKILL');
    assert.equal((await container.exit).code, 137);
    await eventually(() => findProcess(pid) === undefined, 'the process ends');
  }
});

test('delete() ends processes that outlive the first one in the name space of the host', {
  skip,
}, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({
    args: ['sh', '-c', 'sleep 1000 & echo $!'],
    linux: { namespaces: [{ type: 'mount' }, { type: 'ipc' }, { type: 'uts' }] },
  });
  assert.equal((await container.exit).code, 0);
  const child = Number(/F (\d+)/.exec(fixture.log(container))?.[1]);
  assert.ok(findProcess(child), 'it outlives the shell');
  await fixture.delete(container);
  assert.equal(findProcess(child), undefined);
});

test('an aborted create() leaves nothing', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  for (const delayMs of [0, 1, 3, 6]) {
    const container = fixture.prepare({ args: ['sleep', '100'] });
    const abort = new AbortController();
    const creating = fixture.runtime.create({ ...container.options, signal: abort.signal });
    setTimeout(() => abort.abort(), delayMs);
    await creating.then(
      () => fixture.delete(container),
      (error: unknown) => assert.equal((error as { kind?: string }).kind, 'cancelled'),
    );
    assert.equal(fixture.runtime.state(container.id).status, 'gone');
  }
});

for (const runtime of ['crun', 'runc']) {
  test(`${runtime}: create() that waits for a file system whose server is dead ends with what it mounts, and leaves nothing`, {
    skip: skip || whyNot(runtime) || cannotMountFuse,
  }, async () => {
    await using fixture = new RuntimeFixture({ createTimeoutMs: 300 });
    const place = join(fixture.root, 'far');
    mkdirSync(place);
    using _far = new SilentFuse(place);
    const source = join(place, 'part');
    const mount = { type: 'bind', source, destination: '/part', options: ['rbind', 'rprivate'] };
    const container = fixture.prepare({ runtime, args: ['true'], mounts: [mount] });
    await assert.rejects(fixture.runtime.create(container.options), (error: EngineError) => {
      assert.equal(error.kind, 'deadline');
      assert.match(
        error.message,
        new RegExp(`has not made the container in 0.3 s: .*server is dead.*: ${source}$`),
      );
      return true;
    });
    assert.equal(fixture.runtime.state(container.id).status, 'gone');
  });
}

const oomSkip = skip || (detectCgroups().hasMemoryLimit ? false : 'needs the memory controller');

test('a process killed for want of memory is reported as such', { skip: oomSkip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({
    args: ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1; exit $?'],
    mounts: [
      { destination: '/dev/zero', type: 'bind', source: '/dev/zero', options: ['bind'] },
      { destination: '/dev/null', type: 'bind', source: '/dev/null', options: ['bind'] },
    ],
    linux: { resources: { memory: { limit: 16 * 1024 * 1024, swap: 16 * 1024 * 1024 } } },
  });
  const { code, isOomKilled } = await container.exit;
  assert.equal(isOomKilled, true);
  assert.notEqual(code, 0);
});

test('no descriptor of the engine reaches a container or an exec', { skip }, async () => {
  await using fixture = new RuntimeFixture();
  const container = await fixture.run({ args: ['sleep', '100'] });
  const exec = await fixture.runtime.exec(
    fixture.execOptions(container, ['sleep', '100'], { hasStdin: true }),
  );
  for (const pid of [fixture.runtime.state(container.id).pid ?? 0, exec.pid]) {
    await eventually(() => readlinkSync(`/proc/${pid}/exe`).endsWith('/bin/sleep'), 'it has started');
    const fds = readdirSync(`/proc/${pid}/fd`).toSorted();
    assert.deepEqual(fds, ['0', '1', '2']);
    const targets = fds.map(fd => readlinkSync(`/proc/${pid}/fd/${fd}`));
    for (const target of targets) assert.match(target, /^(pipe:\[\d+\]|\/dev\/null)$/);
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /_OCI|TMPDIR/);
  }
});
