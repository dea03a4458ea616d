import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

/** Content of a container's control file; version 2 and version 1 of cgroups have their own names. */
async function control(name: string, unified: string, legacy: string): Promise<string> {
  const path = existsSync('/sys/fs/cgroup/cgroup.controllers') ? unified : legacy;
  return await engine.ok('exec', name, 'cat', `/sys/fs/cgroup/${path}`);
}

const isUnified = existsSync('/sys/fs/cgroup/cgroup.controllers');

test("-m and --memory-swap are the kernel's limits, and a ceiling, not a reservation (S298, S313, S318)", {
  skip,
}, async () => {
  await engine.started(
    'small',
    '-m',
    '32m',
    '--memory-swap',
    '64m',
    '--memory-reservation',
    '16m',
    'busybox',
    'sleep',
    '100',
  );
  await engine.started('huge', '-m', '16g', 'busybox', 'sleep', '100');
  assert.equal(await control('small', 'memory.max', 'memory/memory.limit_in_bytes'), String(32 << 20));
  assert.equal(await control('small', 'memory.low', 'memory/memory.soft_limit_in_bytes'), String(16 << 20));
  assert.equal(
    await engine.inspect('small', '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}'),
    `${32 << 20} ${64 << 20}`,
  );
  const used = Number(await control('huge', 'memory.current', 'memory/memory.usage_in_bytes'));
  assert.ok(used < 64 << 20, `${used} bytes used of 16 GB`);
});

test('a process over its memory limit is killed, its neighbours are not, and OOMKilled says so (S313)', {
  skip,
}, async () => {
  await engine.started('neighbour', 'busybox', 'sleep', '100');
  const { code } = await engine.docker([
    'run',
    '--name',
    'eater',
    '-m',
    '16m',
    '--memory-swap',
    '16m',
    'busybox',
    'sh',
    '-c',
    'x=a; while :; do x=$x$x; done',
  ]);
  assert.equal(code, 137);
  assert.equal(await engine.inspect('eater', '{{.State.OOMKilled}} {{.State.ExitCode}}'), 'true 137');
  assert.equal(await engine.inspect('neighbour', '{{.State.Running}}'), 'true');
});

test('--cpus, --cpu-shares, --cpu-period and --cpu-quota, --cpuset-cpus reach the kernel (S312)', {
  skip,
}, async () => {
  await engine.started(
    'cpu',
    '--cpus',
    '0.5',
    '--cpu-shares',
    '512',
    '--cpuset-cpus',
    '0',
    'busybox',
    'sleep',
    '100',
  );
  if (isUnified) {
    assert.equal(await control('cpu', 'cpu.max', ''), '50000 100000');
    assert.equal(await control('cpu', 'cpuset.cpus', ''), '0');
  } else {
    assert.equal(await control('cpu', '', 'cpu/cpu.cfs_quota_us'), '50000');
    assert.equal(await control('cpu', '', 'cpu/cpu.shares'), '512');
    assert.equal(await control('cpu', '', 'cpuset/cpuset.cpus'), '0');
  }
  assert.equal(await engine.ok('exec', 'cpu', 'nproc'), '1');
  await engine.started('quota', '--cpu-period', '50000', '--cpu-quota', '10000', 'busybox', 'sleep', '100');
  assert.equal(
    await control('quota', 'cpu.max', 'cpu/cpu.cfs_quota_us'),
    isUnified ? '10000 50000' : '10000',
  );
});

test('--cpus 0.2 keeps a busy loop to about a fifth of one processor (S312)', { skip }, async () => {
  await engine.started('busy', '--cpus', '0.2', 'busybox', 'sh', '-c', 'while :; do :; done');
  const usage = async (): Promise<number> => {
    const text = await control('busy', 'cpu.stat', 'cpuacct/cpuacct.usage');
    return isUnified ? Number(/usage_usec (\d+)/.exec(text)?.[1]) / 1e6 : Number(text) / 1e9;
  };
  const [begun, before] = [Date.now(), await usage()];
  await new Promise(resolve => setTimeout(resolve, 1000));
  const share = ((await usage()) - before) / ((Date.now() - begun) / 1000);
  assert.ok(share > 0.02 && share < 0.35, `share of a processor: ${share}`);
});

test('--pids-limit is kept; a limit stands by default (S316)', { skip }, async () => {
  await engine.started('few', '--pids-limit', '7', 'busybox', 'sleep', '100');
  assert.equal(await control('few', 'pids.max', 'pids/pids.max'), '7');
  await engine.started('usual', 'busybox', 'sleep', '100');
  assert.match(await control('usual', 'pids.max', 'pids/pids.max'), /^\d+$/);
  const { stderr } = await engine.docker([
    'exec',
    'few',
    'sh',
    '-c',
    'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done',
  ]);
  assert.match(stderr, /can't fork/);
});

test('--blkio-weight is set, or a warning says that this kernel has none (S317)', { skip }, async () => {
  const { code, stderr } = await engine.docker([
    'run',
    '--name',
    'io',
    '--blkio-weight',
    '300',
    'busybox',
    'true',
  ]);
  assert.equal(code, 0, stderr);
  const isDiscarded =
    /Your kernel does not support Block I\/O weight or the cgroup is not mounted\. Weight discarded/.test(
      stderr,
    );
  assert.equal(await engine.inspect('io', '{{.HostConfig.BlkioWeight}}'), isDiscarded ? '0' : '300', stderr);
  assert.match(
    (await engine.refused('run', '--rm', '--blkio-weight', '5', 'busybox', 'true')).stderr,
    /[Rr]ange of blkio weight is from 10 to 1000/,
  );
});

test("limits that make no sense are refused in Docker's words (S312, S313)", { skip }, async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['-m', '1m'], /Minimum memory limit allowed is 6MB/],
    [['-m', '64m', '--memory-swap', '32m'], /Minimum memoryswap limit should be larger than memory limit/],
    [['--memory-swap', '32m'], /You should always set the Memory limit when using Memoryswap limit/],
    [
      ['-m', '32m', '--memory-reservation', '64m'],
      /Minimum memory limit can not be less than memory reservation limit/,
    ],
    [['--cpus', '1000'], /range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs available/i],
    [
      ['--cpus', '1', '--cpu-quota', '5000'],
      /Conflicting options: (Nano CPUs and CPU Quota cannot both be set|CPUs)/i,
    ],
    [['--cpuset-cpus', '99'], /[Rr]equested CPUs are not available - requested 99, available: /],
    [['--cpuset-cpus', 'x'], /[Ii]nvalid value x for cpuset cpus/],
    [['--cpu-shares', '-1'], /[Ii]nvalid CPU shares|shares/],
    [['--cpu-quota', '10'], /CPU cfs quota can not be less than 1ms/],
    [['--cpu-period', '10'], /CPU cfs period can not be less than 1ms/],
    [['--oom-score-adj', '2000'], /Invalid value 2000, range for oom score adj is \[-1000, 1000\]/],
    [['--shm-size', '-1'], /invalid size|SHM size/],
  ];
  for (const [words, message] of cases) {
    const { code, stderr } = await engine.refused('run', '--rm', ...words, 'busybox', 'true');
    assert.equal(code, 125, stderr);
    assert.match(stderr, message, words.join(' '));
  }
});

test('docker stats --no-stream shows use and limits (S313)', {
  skip,
}, async () => {
  await engine.started('watched', '-m', '64m', 'busybox', 'sleep', '100');
  const format = '{{.Name}} {{.MemUsage}} {{.PIDs}}';
  assert.match(
    await engine.ok('stats', '--no-stream', '--format', format, 'watched'),
    /^watched .* \/ 64MiB 1$/,
  );
});

test('limits are the same after the engine was killed and started again (S313)', { skip }, async () => {
  await engine.started('kept', '-m', '48m', '--pids-limit', '9', 'busybox', 'sleep', '100');
  await engine.daemon.kill9();
  await engine.daemon.start();
  await until(
    'the engine answers',
    async () => (await engine.inspect('kept', '{{.State.Running}}')) === 'true',
  );
  assert.equal(await control('kept', 'memory.max', 'memory/memory.limit_in_bytes'), String(48 << 20));
  assert.equal(await control('kept', 'pids.max', 'pids/pids.max'), '9');
});
