import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerCreateRequest } from '#spec/docker/container-create';
import { parseFlags } from '../flag-parser.ts';
import type { CreateBody } from './create-body.ts';
import { createFlags } from './create-flags.ts';
import { toCreateRequest } from './create-request.ts';
import type { LocalFiles } from './local-files.ts';

const FILES: Readonly<Record<string, string>> = {
  'env.list': '\ufeff# comment\n\nA=1\n  B=two words\nFOO\nUNSET\n',
  'labels.list': 'tier=web\nbare\n',
  'seccomp.json': '{\n  "defaultAction": "SCMP_ACT_ERRNO"\n}\n',
  'broken.json': '{',
};

const files: LocalFiles = {
  env: { FOO: 'from outside' },
  readFile: name => {
    const text = FILES[name];
    if (text === undefined) throw Object.assign(new Error('ENOENT'), { errno: -2 });
    return text;
  },
  resolve: name => `/here/${name.replace(/^\.\/?/, '')}`.replace(/\/$/, ''),
};

function words(line: string): string[] {
  return line.split(' ');
}

async function bodyOf(...words: string[]): Promise<CreateBody> {
  const invocation = await parseFlags(words, { flags: createFlags, stopsAtArgument: true });
  const body = toCreateRequest(invocation, files);
  v.parse(ContainerCreateRequest, body); // what we send is what the API describes
  return body;
}

/** What the options add to the body of a bare `run busybox`. */
async function hostConfigOf(...words: string[]): Promise<object> {
  const { NetworkMode: _, ...rest } = { ...(await bodyOf(...words, 'busybox')).HostConfig };
  return rest;
}

test('a bare image asks for nothing but its output', async () => {
  assert.deepEqual(await bodyOf('busybox'), {
    Image: 'busybox',
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: { NetworkMode: 'default' },
  });
});

test('what follows the image is the command, whatever it looks like', async () => {
  const { Image, Cmd, Tty } = await bodyOf('-t', 'busybox', 'sh', '-c', 'ls', '--rm', '--', 'x');
  assert.deepEqual([Image, Cmd, Tty], ['busybox', ['sh', '-c', 'ls', '--rm', '--', 'x'], true]);
});

test('-i keeps stdin for one client, -a chooses the streams', async () => {
  const { OpenStdin, StdinOnce, AttachStdin, AttachStdout } = await bodyOf('-i', 'busybox');
  assert.deepEqual([OpenStdin, StdinOnce, AttachStdin, AttachStdout], [true, true, true, true]);
  const chosen = await bodyOf('-a', 'stderr', '-a', 'STDIN', 'busybox');
  assert.deepEqual([chosen.AttachStdin, chosen.AttachStdout, chosen.AttachStderr], [true, false, true]);
});

test("--env-file comes before --env; a bare name takes the value from outside, or removes the image's", async () => {
  const { Env } = await bodyOf(
    '-e',
    'X=1',
    '-e',
    'FOO',
    '-e',
    'UNSET',
    '-e',
    'X=2',
    '--env-file',
    'env.list',
    'busybox',
  );
  assert.deepEqual(Env, ['A=1', 'B=two words', 'FOO=from outside', 'X=2', 'FOO=from outside', 'UNSET']);
});

test('labels come from files and options, the last one counts', async () => {
  const { Labels } = await bodyOf('--label-file', 'labels.list', '-l', 'tier=db', '-l', 'on', 'busybox');
  assert.deepEqual(Labels, { tier: 'db', bare: '', on: '' });
});

test("--entrypoint replaces the image's, and an empty one removes it", async () => {
  assert.deepEqual((await bodyOf('--entrypoint', '/bin/x', 'busybox')).Entrypoint, ['/bin/x']);
  assert.deepEqual((await bodyOf('--entrypoint=', 'busybox')).Entrypoint, ['']);
  assert.equal((await bodyOf('busybox')).Entrypoint, undefined);
});

test('names, user, folder and stopping are passed on', async () => {
  const { Hostname, Domainname, User, WorkingDir, StopSignal, StopTimeout } = await bodyOf(
    ...words('-h web --domainname lan -u 1:2 -w /x --stop-signal INT --stop-timeout 0 b'),
  );
  assert.deepEqual(
    [Hostname, Domainname, User, WorkingDir, StopSignal, StopTimeout],
    ['web', 'lan', '1:2', '/x', 'INT', 0],
  );
});

test("--health-* become a check, --no-healthcheck turns the image's off, both together are refused", async () => {
  const { Healthcheck } = await bodyOf(
    ...words('--health-cmd check --health-interval 5s --health-retries 3 --health-start-period 1m b'),
  );
  assert.deepEqual(Healthcheck, {
    Test: ['CMD-SHELL', 'check'],
    Interval: 5e9,
    Retries: 3,
    StartPeriod: 6e10,
  });
  assert.deepEqual((await bodyOf('--no-healthcheck', 'b')).Healthcheck, { Test: ['NONE'] });
  await assert.rejects(bodyOf('--no-healthcheck', '--health-cmd', 'x', 'b'), {
    message: '--no-healthcheck conflicts with --health-* options',
  });
  await assert.rejects(bodyOf('--health-timeout=-1s', 'b'), {
    message: '--health-timeout cannot be negative',
  });
});

test('--init is sent only when it is said, in either sense', async () => {
  assert.deepEqual(await hostConfigOf(), {});
  assert.deepEqual(await hostConfigOf('--init'), { Init: true });
  assert.deepEqual(await hostConfigOf('--init=false'), { Init: false });
});

test('resources become bytes, billionths and lists', async () => {
  assert.deepEqual(
    await hostConfigOf(
      ...words('-m 1g --memory-swap -1 --memory-reservation 512m --memory-swappiness 0 --cpus 1.5'),
      ...words('-c 512 --cpuset-cpus 0-1 --pids-limit -1 --blkio-weight 300 --oom-kill-disable'),
      ...words(
        '--blkio-weight-device /dev/sda:200 --device-read-bps /dev/sda:1mb --device-write-iops /dev/sda:6',
      ),
      ...words('--ulimit nproc=3 --ulimit nofile=10:20 --shm-size 64m --oom-score-adj=-500'),
    ),
    {
      Memory: 1024 ** 3,
      MemorySwap: -1,
      MemoryReservation: 512 * 1024 ** 2,
      MemorySwappiness: 0,
      NanoCpus: 15e8,
      CpuShares: 512,
      CpusetCpus: '0-1',
      PidsLimit: -1,
      BlkioWeight: 300,
      OomKillDisable: true,
      BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 200 }],
      BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1024 ** 2 }],
      BlkioDeviceWriteIOps: [{ Path: '/dev/sda', Rate: 6 }],
      Ulimits: [
        { Name: 'nofile', Soft: 10, Hard: 20 },
        { Name: 'nproc', Soft: 3, Hard: 3 },
      ],
      ShmSize: 64 * 1024 ** 2,
      OomScoreAdj: -500,
    },
  );
});

test("name spaces, capabilities, restart, logging and the rest of the host's part", async () => {
  assert.deepEqual(
    await hostConfigOf(
      ...words('--pid host --ipc container:a --uts host --cgroupns private --cgroup-parent /x'),
      ...words('--cap-add net_admin --cap-add CAP_NET_ADMIN --cap-drop all --privileged --read-only'),
      ...words('--restart on-failure:3 --log-driver json-file --log-opt max-size=10m --group-add tty'),
      ...words('--add-host a:1.2.3.4 --add-host b=[::1] --add-host c:host-gateway --dns 1.1.1.1'),
      ...words('--dns-search lan --dns-opt ndots:2 --sysctl net.core.somaxconn=9 --annotation k=v'),
      ...words('--volumes-from v:ro --runtime runc --storage-opt size=1G --userns host'),
    ),
    {
      PidMode: 'host',
      IpcMode: 'container:a',
      UTSMode: 'host',
      UsernsMode: 'host',
      CgroupnsMode: 'private',
      CgroupParent: '/x',
      CapAdd: ['CAP_NET_ADMIN'],
      CapDrop: ['ALL'],
      Privileged: true,
      ReadonlyRootfs: true,
      RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m' } },
      GroupAdd: ['tty'],
      ExtraHosts: ['a:1.2.3.4', 'b:::1', 'c:host-gateway'],
      Dns: ['1.1.1.1'],
      DnsSearch: ['lan'],
      DnsOptions: ['ndots:2'],
      Sysctls: { 'net.core.somaxconn': '9' },
      Annotations: { k: 'v' },
      VolumesFrom: ['v:ro'],
      Runtime: 'runc',
      StorageOpt: { size: '1G' },
    },
  );
});

test('--security-opt sends the content of a seccomp profile, and opens the masked paths with empty lists', async () => {
  assert.deepEqual(
    await hostConfigOf(
      ...words('--security-opt seccomp=seccomp.json --security-opt no-new-privileges'),
      ...words('--security-opt label:disable --security-opt systempaths=unconfined'),
    ),
    {
      SecurityOpt: ['seccomp={"defaultAction":"SCMP_ACT_ERRNO"}', 'no-new-privileges', 'label:disable'],
      MaskedPaths: [],
      ReadonlyPaths: [],
    },
  );
  assert.deepEqual(await hostConfigOf('--security-opt', 'seccomp=unconfined'), {
    SecurityOpt: ['seccomp=unconfined'],
  });
});

test('-v tells binds from anonymous volumes, and makes a path with a leading dot absolute', async () => {
  const { Volumes, HostConfig } = await bodyOf(
    '-v',
    '/a:/b:ro',
    '-v',
    'vol:/c',
    '-v',
    '/d',
    '-v',
    './x:/e',
    '-v',
    '.:/f',
    'b',
  );
  assert.deepEqual(Volumes, { '/d': {} });
  assert.deepEqual(HostConfig?.Binds, ['/a:/b:ro', 'vol:/c', '/here/x:/e', '/here:/f']);
});

test('--tmpfs is a path and its options', async () => {
  assert.deepEqual(await hostConfigOf('--tmpfs', '/run', '--tmpfs', '/x:size=1m,exec'), {
    Tmpfs: { '/run': '', '/x': 'size=1m,exec' },
  });
});

for (const [words, message] of [
  [['--rm', '--restart', 'always'], 'conflicting options: cannot specify both --restart and --rm'],
  [['--memory-swappiness', '101'], 'invalid value: 101. Valid memory swappiness range is 0-100'],
  [['--restart', 'on-failure:x'], 'invalid restart policy format: maximum retry count must be an integer'],
  [['--restart', ':1'], 'invalid restart policy format: no policy provided before colon'],
  [['--pid', 'foo'], '--pid: invalid PID mode'],
  [['--uts', 'foo'], '--uts: invalid UTS mode'],
  [['--log-driver', 'none', '--log-opt', 'a=b'], 'invalid logging opts for driver none'],
  [['--storage-opt', 'a'], 'invalid storage option'],
  [['--security-opt', 'foo'], 'Invalid --security-opt: "foo"'],
  [
    ['--security-opt', 'seccomp=nope'],
    'opening seccomp profile (nope) failed: open nope: no such file or directory',
  ],
  [['--env-file', 'nope'], 'open nope: no such file or directory'],
  [['-v', 'vol::/b'], 'invalid spec: vol::/b: empty section between colons'],
  [['-v', '/a:/b:ro:z'], 'invalid spec: /a:/b:ro:z: too many colons'],
  [['-v', ''], 'invalid empty volume spec'],
  [['--cpu-count', '1'], '--cpu-count exists on Windows only'],
  [['--ulimit', 'foo=1'], 'invalid argument "foo=1" for "--ulimit" flag: invalid ulimit type: foo'],
  [
    ['--ulimit', 'nproc=2:1'],
    'invalid argument "nproc=2:1" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 2 > 1',
  ],
  [['--add-host', 'foo'], 'invalid argument "foo" for "--add-host" flag: bad format for add-host: "foo"'],
  [
    ['--add-host', 'foo:bar'],
    'invalid argument "foo:bar" for "--add-host" flag: invalid IP address in add-host: "bar"',
  ],
  [['--dns', '1.2'], 'invalid argument "1.2" for "--dns" flag: IP address is not correctly formatted: 1.2'],
  [['-e', '=x'], 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'],
  [['-l', '=x'], 'invalid argument "=x" for "-l, --label" flag: invalid label \'=x\': empty name'],
  [
    ['-a', 'foo'],
    'invalid argument "foo" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR',
  ],
  [
    ['--sysctl', 'kernel.panic=1'],
    'invalid argument "kernel.panic=1" for "--sysctl" flag: sysctl \'kernel.panic=1\' is not allowed',
  ],
  [
    ['--device-cgroup-rule', 'x'],
    'invalid argument "x" for "--device-cgroup-rule" flag: invalid device cgroup format \'x\'',
  ],
  [
    ['--device-read-bps', 'sda:1'],
    'invalid argument "sda:1" for "--device-read-bps" flag: bad format for device path: sda:1',
  ],
  [
    ['--blkio-weight-device', '/dev/sda:5'],
    'invalid argument "/dev/sda:5" for "--blkio-weight-device" flag: invalid weight for device: /dev/sda:5',
  ],
] as const) {
  test(`${words.join(' ')} is refused: ${message}`, async () => {
    await assert.rejects(bodyOf(...words, 'busybox'), { message });
  });
}
