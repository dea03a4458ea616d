import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cgroupDirectory, detectCgroups } from '#sys/cgroup';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

interface Stats {
  readonly memory_stats: { readonly limit: number };
  readonly pids_stats: { readonly limit?: number };
}

async function limits(name: string): Promise<readonly [memory: number, pids: number | undefined]> {
  const { body } = await engine.daemon.call('GET', `/containers/${name}/stats?stream=0&one-shot=1`);
  const { memory_stats: memory, pids_stats: pids } = body as Stats;
  return [memory.limit, pids.limit];
}

const MIB = 2 ** 20;

test('docker update changes limits of what runs, at once and for the next starts', { skip }, async () => {
  await engine.started('web', '-m', '100m', '--pids-limit', '100', 'busybox', 'sleep', '1000');
  assert.deepEqual(await limits('web'), [100 * MIB, 100]);
  assert.equal(
    await engine.ok('update', '-m', '64m', '--memory-swap', '128m', '--pids-limit', '50', '-c', '512', 'web'),
    'web',
  );
  assert.deepEqual(await limits('web'), [64 * MIB, 50]);
  // more again: the limit of memory with swap has to go up first
  await engine.ok('update', '-m', '300m', '--memory-swap', '600m', '--cpus', '0.5', 'web');
  assert.deepEqual(await limits('web'), [300 * MIB, 50]);
  await engine.ok('update', '--pids-limit', '-1', 'web');
  assert.equal((await limits('web'))[1], undefined);
  await engine.ok('update', '--cpuset-cpus', '0', '--memory-reservation', '32m', 'web');
  assert.equal(await engine.ok('exec', 'web', 'nproc'), '1');
  const format =
    '{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.NanoCpus}} {{.CpuShares}} {{.CpusetCpus}} {{.MemoryReservation}}{{end}}';
  const kept = `${300 * MIB} ${600 * MIB} 500000000 512 0 ${32 * MIB}`;
  assert.equal(await engine.inspect('web', format), kept);
  await engine.daemon.restart();
  assert.equal(await engine.inspect('web', format), kept);
  await engine.ok('restart', '-t', '0', 'web');
  assert.deepEqual(await limits('web'), [300 * MIB, undefined]);

  const quai = await engine.daemon.quai(['update', '-m', '200m', 'web']);
  assert.deepEqual([quai.code, quai.stdout], [0, 'web\n']);
  assert.deepEqual((await limits('web'))[0], 200 * MIB);
  await engine.ok('pause', 'web');
  await engine.ok('update', '-m', '210m', 'web');
  await engine.ok('unpause', 'web');
  assert.deepEqual((await limits('web'))[0], 210 * MIB);
});

test('a quota of processor time goes away again', { skip }, async () => {
  await engine.started('web', '--cpu-period', '50000', '--cpu-quota', '20000', 'busybox', 'sleep', '1000');
  const cgroups = detectCgroups();
  const folder = cgroupDirectory(cgroups, `/quai/${await engine.inspect('web', '{{.Id}}')}`, 'cpu') ?? '';
  const quota = (): string =>
    readFileSync(join(folder, cgroups.version === 2 ? 'cpu.max' : 'cpu.cfs_quota_us'), 'utf8');
  assert.match(quota(), /^20000\b/);
  await engine.ok('update', '--cpu-quota', '-1', 'web');
  assert.match(quota(), /^(?:max|-1)\b/);
  await engine.ok('update', '--cpu-quota', '30000', 'web');
  assert.match(quota(), /^30000\b/);
});

test('a memory limit where there was none, and limits of what does not run', { skip }, async () => {
  await engine.started('web', 'busybox', 'sleep', '1000');
  await engine.ok('update', '-m', '64m', 'web');
  assert.equal((await limits('web'))[0], 64 * MIB);
  assert.equal(await engine.inspect('web', '{{.HostConfig.MemorySwap}}'), String(128 * MIB));
  await engine.ok('create', '--name', 'later', 'busybox', 'sleep', '1000');
  await engine.ok('update', '-m', '32m', '--pids-limit', '20', 'later');
  await engine.ok('start', 'later');
  assert.deepEqual(await limits('later'), [32 * MIB, 20]);
});

test('S320 memory is shared flexibly: ceilings may overlap, and move from one container to another while both run', {
  skip,
}, async () => {
  const most = Math.floor(totalmem() / MIB / 2) + 512;
  for (const name of ['one', 'other'])
    await engine.started(name, '-m', `${most}m`, 'busybox', 'sleep', '1000');
  const use = (name: string): Promise<string> =>
    engine.ok('exec', name, 'sh', '-c', 'head -c 100m /dev/zero | tail | wc -c');
  assert.equal(await use('one'), String(100 * MIB));
  await engine.ok('update', '-m', '32m', '--memory-swap', '32m', 'one');
  const { code } = await engine.docker(['exec', 'one', 'sh', '-c', 'head -c 100m /dev/zero | tail | wc -c']);
  assert.equal(await engine.inspect('one', '{{.State.Running}}'), 'true', `exec ended with ${code}`);
  assert.deepEqual((await limits('one'))[0], 32 * MIB);
  assert.equal(await use('other'), String(100 * MIB));
  await engine.ok('update', '-m', `${most}m`, '--memory-swap', `${most * 2}m`, 'one');
  assert.equal(await use('one'), String(100 * MIB));
});

test('docker update --restart changes what follows the next end', { skip }, async () => {
  await engine.started('web', 'busybox', 'sleep', '1000');
  await engine.ok('update', '--restart', 'always', 'web');
  const [pid] = [await engine.inspect('web', '{{.State.Pid}}')];
  process.kill(Number(pid), 'SIGKILL');
  await until('it runs again', async () => (await engine.inspect('web', '{{.RestartCount}}')) === '1');
  await engine.ok('update', '--restart', 'no', 'web');
  await until('it has a process', async () => (await engine.inspect('web', '{{.State.Running}}')) === 'true');
  process.kill(Number(await engine.inspect('web', '{{.State.Pid}}')), 'SIGKILL');
  await until('it stays ended', async () => (await engine.inspect('web', '{{.State.Status}}')) === 'exited');
  assert.equal(await engine.inspect('web', '{{.RestartCount}}'), '1');
});

test('docker update refuses what cannot be, in the words of Docker, and changes nothing', {
  skip,
}, async () => {
  await engine.started('web', '-m', '64m', '--cpus', '0.5', 'busybox', 'sleep', '1000');
  await engine.started('gone', '--rm', 'busybox', 'sleep', '1000');
  await engine.started('quota', '--cpu-quota', '50000', 'busybox', 'sleep', '1000');
  const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
    [['-m', '1m', 'web'], /Minimum memory limit allowed is 6MB/],
    [
      ['-m', '500m', 'web'],
      /Cannot update container .*: Memory limit should be smaller than already set memoryswap limit/,
    ],
    [
      ['-m', '128m', '--memory-swap', '100m', 'web'],
      /Minimum memoryswap limit should be larger than memory limit/,
    ],
    [['--cpu-quota', '50000', 'web'], /CPU Quota cannot be updated as NanoCPUs has already been set/],
    [['--cpu-period', '50000', 'web'], /CPU Period cannot be updated as NanoCPUs has already been set/],
    [['--cpus', '1', 'quota'], /Nano CPUs cannot be updated as CPU Quota has already been set/],
    [['--cpus', '1000', 'web'], /Range of CPUs is from 0.01/],
    [['--cpuset-cpus', '900', 'web'], /Requested CPUs are not available/],
    [['--cpuset-cpus', 'x', 'web'], /Invalid value x for cpuset cpus/],
    [['--cpu-rt-runtime', '1', 'web'], /kernel does not support CPU real-time scheduler/],
    [['--blkio-weight', '5', 'web'], /Range of blkio weight is from 10 to 1000/],
    [['--restart', 'sometimes', 'web'], /unknown policy 'sometimes'; use one of/],
    [['--restart', 'always:2', 'web'], /maximum retry count can only be used with 'on-failure'/],
    [['--restart', 'always', 'gone'], /Restart policy cannot be updated because AutoRemove is enabled/],
    [['-m', '64m', 'nope'], /No such container: nope/],
  ];
  for (const [words, message] of cases) {
    const { code, stderr } = await engine.refused('update', ...words);
    assert.equal(code, 1);
    assert.match(stderr, message, words.join(' '));
  }
  assert.equal(
    await engine.inspect('web', '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}'),
    `${64 * MIB} no`,
  );
  assert.equal((await limits('web'))[0], 64 * MIB);
});
