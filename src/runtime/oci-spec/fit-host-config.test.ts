import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { HostConfig } from '#spec/docker/host-config';
import { fakeHostFacts } from './fake-host-facts.ts';
import { fitHostConfig } from './fit-host-config.ts';

const MB = 1024 * 1024;

test('fitHostConfig() fills in what Docker fills in', () => {
  const { hostConfig, warnings } = fit({ Memory: 64 * MB });
  assert.equal(hostConfig.MemorySwap, 128 * MB);
  assert.equal(hostConfig.ShmSize, 64 * MB);
  assert.equal(hostConfig.IpcMode, 'private');
  assert.equal(hostConfig.CgroupnsMode, 'private');
  assert.deepEqual(warnings, []);
  assert.equal(fitHostConfig(parse({}), fakeHostFacts({}, { version: 1 })).hostConfig.CgroupnsMode, 'host');
  assert.equal(fit({ Memory: 64 * MB, MemorySwap: -1 }).hostConfig.MemorySwap, -1);
});

test('fitHostConfig() opens the system paths when asked for', () => {
  const { hostConfig } = fit({ SecurityOpt: ['systempaths=unconfined'] });
  assert.deepEqual([hostConfig.MaskedPaths, hostConfig.ReadonlyPaths], [[], []]);
});

test('fitHostConfig() drops what the host cannot do, and says so', () => {
  const weak = fakeHostFacts(
    {},
    {
      hasNamespaces: false,
      hasSwapLimit: false,
      hasSwappiness: false,
      hasMemoryReservation: false,
      hasOomKillDisable: false,
      hasPidsLimit: false,
      hasCpuShares: false,
      hasCpuQuota: false,
      hasCpuset: false,
      hasBlkioWeight: false,
      hasBlkioWeightDevice: false,
      hasBlkioThrottle: false,
    },
  );
  const device = { Path: '/dev/x', Rate: 1 };
  const { hostConfig, warnings } = fitHostConfig(
    parse({
      Memory: 64 * MB,
      MemorySwappiness: 10,
      MemoryReservation: 32 * MB,
      OomKillDisable: true,
      PidsLimit: 10,
      CpuShares: 2,
      CpuQuota: 5000,
      CpusetCpus: '0-99',
      BlkioWeight: 100,
      BlkioWeightDevice: [{ Path: '/dev/x', Weight: 10 }],
      BlkioDeviceReadBps: [device],
      BlkioDeviceWriteBps: [device],
      BlkioDeviceReadIOps: [device],
      BlkioDeviceWriteIOps: [device],
    }),
    weak,
  );

  assert.equal(warnings.length, 15);
  assert.equal(
    warnings[0],
    'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
  );
  assert.equal(hostConfig.Memory, 64 * MB);
  assert.equal(hostConfig.MemorySwap, -1);
  assert.equal(hostConfig.CgroupnsMode, 'host');
  const { MemorySwappiness, OomKillDisable, PidsLimit, CpuShares, CpuQuota, CpusetCpus, BlkioWeight } =
    hostConfig;
  assert.deepEqual(
    [MemorySwappiness, OomKillDisable, PidsLimit, CpuShares, CpuQuota, CpusetCpus, BlkioWeight],
    [undefined, undefined, undefined, 0, 0, '', 0],
  );
  assert.deepEqual(hostConfig.BlkioDeviceReadBps, []);
});

test('fitHostConfig() refuses wrong settings in the words of Docker', () => {
  for (const [settings, message] of [
    [{ Memory: 1 }, 'Minimum memory limit allowed is 6MB'],
    [{ Memory: -5 }, 'Minimum memory limit allowed is 6MB'],
    [{ MemorySwap: 5 }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
    [
      { Memory: 64 * MB, MemorySwap: 32 * MB },
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    ],
    [{ MemorySwappiness: 101 }, 'Invalid value: 101, valid memory swappiness range is 0-100'],
    [{ MemoryReservation: 1 }, 'Minimum memory reservation allowed is 6MB'],
    [{ NanoCpus: 5e9 }, 'Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available'],
    [{ NanoCpus: -1 }, 'Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available'],
    [{ NanoCpus: 1e9, CpuQuota: 5000 }, 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
    [{ CpuShares: -1 }, 'shares: invalid argument'],
    [{ CpuQuota: 10 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ CpusetCpus: '0,7' }, 'Requested CPUs are not available - requested 0,7, available: 0-3'],
    [{ CpusetCpus: '3-1' }, 'Invalid value 3-1 for cpuset cpus'],
    [{ CpusetCpus: '0-4294967295' }, 'Invalid value 0-4294967295 for cpuset cpus'],
    [{ CpusetMems: '1' }, 'Requested memory nodes are not available - requested 1, available: 0'],
    [{ BlkioWeight: 5 }, 'Range of blkio weight is from 10 to 1000'],
    [{ ShmSize: -1 }, 'SHM size can not be less than 0'],
    [{ OomScoreAdj: 1001 }, 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
    [{ IpcMode: 'mine' }, 'invalid IPC mode: mine'],
    [{ PidMode: 'container:' }, 'invalid PID mode: container:'],
    [{ UTSMode: 'container:x' }, 'invalid UTS mode: container:x'],
    [{ CgroupnsMode: 'x' }, 'invalid cgroup namespace mode: x'],
    [{ CapAdd: ['x'] }, 'unknown capability: "CAP_X"'],
    [{ Ulimits: [{ Name: 'x', Soft: 1, Hard: 1 }] }, 'invalid ulimit type: x'],
    [
      { Ulimits: [{ Name: 'nofile', Soft: -1, Hard: 1 }] },
      'ulimit soft limit must be less than or equal to hard limit: -1 > 1',
    ],
    [{ DeviceCgroupRules: ['c 1:3'] }, "invalid device cgroup rule format: 'c 1:3'"],
    [{ Tmpfs: { '/x': 'sise=3' } }, 'invalid tmpfs option "sise=3"'],
    [
      { Tmpfs: { x: '' } },
      'invalid mount config for type "tmpfs": invalid mount path: \'x\' mount path must be absolute',
    ],
    [{ Sysctls: { 'kernel.panic': '1' } }, "sysctl 'kernel.panic=1' is not allowed"],
    [
      { Sysctls: { 'net.core.somaxconn': '1' }, NetworkMode: 'host' },
      "sysctl 'net.core.somaxconn=1' is not allowed in host network mode",
    ],
    [
      { Sysctls: { 'kernel.sem': '1' }, IpcMode: 'host' },
      "sysctl 'kernel.sem=1' is not allowed in host ipc mode",
    ],
    [{ Sysctls: { 'net/../kernel/panic': '1' } }, "sysctl 'net/../kernel/panic=1' is not allowed"],
    [{ SecurityOpt: ['x=y'] }, 'invalid --security-opt 2: "x=y"'],
  ] as const) {
    assert.throws(() => fit(settings), { kind: 'invalid', message }, JSON.stringify(settings));
  }
  assert.throws(() => fit({ SecurityOpt: ['seccomp={'] }), { message: /^Decoding seccomp profile failed: / });
});

test('fitHostConfig() lets right settings through', () => {
  const settings = {
    NanoCpus: 1e7,
    CpusetCpus: '0-1,3',
    CpusetMems: '0',
    PidMode: 'container:abc',
    UTSMode: 'host',
    DeviceCgroupRules: ['a', 'c *:3 rw'],
    Tmpfs: { '/x': 'size=64m,mode=1777,uid=5,exec' },
    Sysctls: { 'net.ipv4.ip_forward': '1', 'fs.mqueue.msg_max': '5', 'net/ipv4/conf/eth0.5/forwarding': '1' },
    Ulimits: [{ Name: 'nofile', Soft: 1, Hard: -1 }],
    SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'],
  };
  assert.deepEqual(fit(settings).warnings, []);
});

test('fitHostConfig() lets a container set what it shares with another, not with the host', () => {
  fit({ Sysctls: { 'net.core.somaxconn': '1' }, NetworkMode: 'container:x' });
  fit({ Sysctls: { 'kernel.sem': '1' }, IpcMode: 'container:x' });
});

test('fitHostConfig() reads swappiness -1 as unset', () => {
  assert.equal(fit({ MemorySwappiness: -1 }).hostConfig.MemorySwappiness, undefined);
});

function parse(settings: object): HostConfig {
  return v.parse(HostConfig, settings);
}

function fit(settings: object) {
  return fitHostConfig(parse(settings), fakeHostFacts());
}
