import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { fakeHostFacts } from '#runtime/oci-spec/fake-host-facts';
import { ContainerCreateRequest } from '#spec/docker/container-create';
import { type CreateFacts, validateCreate } from './validate-create.ts';

const FACTS: CreateFacts = {
  runtimes: ['crun', 'runc'],
  host: fakeHostFacts(
    { capabilities: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN'], cpuCount: 2 },
    { cpus: '0-1' },
  ),
};

function check(request: object, facts: CreateFacts = FACTS): ReturnType<typeof validateCreate> {
  return validateCreate(
    v.parse(ContainerCreateRequest, { Image: 'busybox', Cmd: ['true'], ...request }),
    facts,
  );
}

function host(HostConfig: object): object {
  return { HostConfig };
}

function on(NetworkMode: string, more: object = {}): object {
  return host({ NetworkMode, ...more });
}

const MB = 1024 * 1024;

/** What is refused, and Docker's words for it; with an ellipsis in the middle where only parts are fixed. */
const refused: readonly (readonly [object, string])[] = [
  [host({ Memory: 5 * MB }), 'Minimum memory limit allowed is 6MB'],
  [host({ Memory: -1 }), 'Minimum memory limit allowed is 6MB'],
  [
    host({ Memory: 8 * MB, MemorySwap: 7 * MB }),
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [
    host({ MemorySwap: 8 * MB }),
    'You should always set the Memory limit when using Memoryswap limit, see usage',
  ],
  [host({ MemorySwappiness: 101 }), 'Invalid value: 101, valid memory swappiness range is 0-100'],
  [host({ MemoryReservation: 1 }), 'Minimum memory reservation allowed is 6MB'],
  [
    host({ Memory: 8 * MB, MemoryReservation: 9 * MB }),
    'Minimum memory limit can not be less than memory reservation limit, see usage',
  ],
  [host({ NanoCpus: 3e9 }), '…ange of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [host({ NanoCpus: -1 }), '…ange of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
  [
    host({ NanoCpus: 1e9, CpuPeriod: 1000 }),
    'Conflicting options: Nano CPUs and CPU Period cannot both be set',
  ],
  [host({ CpuShares: -1 }), '…'],
  [
    host({ CpuPeriod: 999 }),
    'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
  ],
  [host({ CpuQuota: 999 }), 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [host({ CpusetCpus: '7' }), 'Requested CPUs are not available - requested 7, available: 0-1'],
  [host({ CpusetCpus: 'a-b' }), 'Invalid value a-b for cpuset cpus'],
  [host({ CpusetMems: '1' }), 'Requested memory nodes are not available - requested 1, available: 0'],
  [host({ CpuRealtimeRuntime: 1000 }), 'kernel does not support CPU real-time scheduler'],
  [host({ BlkioWeight: 9 }), 'Range of blkio weight is from 10 to 1000'],
  [
    host({ BlkioWeightDevice: [{ Path: '/dev/sda', Weight: 1001 }] }),
    'Range of blkio weight is from 10 to 1000',
  ],
  [host({ BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: -1 }] }), 'invalid rate for device: /dev/sda: -1'],
  [host({ OomScoreAdj: 1001 }), 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
  [host({ ShmSize: -1 }), 'SHM size can not be less than 0'],
  [
    host({ RestartPolicy: { Name: 'sometimes' } }),
    "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
  ],
  [
    host({ RestartPolicy: { Name: 'always', MaximumRetryCount: 2 } }),
    "invalid restart policy: maximum retry count can only be used with 'on-failure'",
  ],
  [
    host({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -2 } }),
    'invalid restart policy: maximum retry count cannot be negative',
  ],
  [
    host({ AutoRemove: true, RestartPolicy: { Name: 'always' } }),
    "can't create 'AutoRemove' container with restart policy",
  ],
  [{ StopSignal: 'SIGFOO' }, 'invalid signal: SIGFOO'],
  [{ StopSignal: '0' }, 'invalid signal: 0'],
  [{ StopSignal: '65' }, 'invalid signal: 65'],
  [{ Healthcheck: { Interval: 999_999 } }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Timeout: -1 } }, 'Timeout in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Retries: -1 } }, 'Retries in Healthcheck cannot be negative'],
  [{ Healthcheck: { StartPeriod: 1 } }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { StartInterval: 1 } }, 'StartInterval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Test: ['EXEC', 'x'] } }, "Unknown healthcheck type 'EXEC'…"],
  [{ Hostname: 'a b' }, 'invalid hostname format: a b…'],
  [{ Hostname: 'a\n1.2.3.4 bank.example' }, 'invalid hostname format: …'],
  [{ Hostname: 'a'.repeat(65) }, 'invalid hostname format: …'],
  [{ Domainname: 'a b' }, 'invalid domainname format: a b…'],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [{ Env: [''] }, 'invalid environment variable: '],
  [{ WorkingDir: 'x' }, "the working directory 'x' is invalid, it needs to be an absolute path"],
  [{ WorkingDir: '/proc/self/fd/7' }, "the working directory '/proc/self/fd/7' is invalid…"],
  [{ Labels: { a: 'x'.repeat(MB) } }, 'labels take 1048577 bytes, at most 1048576 are allowed'],
  [host({ PortBindings: { '99999/tcp': [{ HostPort: '1' }] } }), 'invalid port specification: "99999/tcp"'],
  [host({ PortBindings: { '80/tcp': [{ HostPort: '99999' }] } }), 'invalid port specification: "99999"'],
  [host({ PortBindings: { '80/foo': [{ HostPort: '80' }] } }), 'Invalid proto: foo'],
  [
    { ExposedPorts: { '0/tcp': {} }, ...host({ PublishAllPorts: true }) },
    'invalid port specification: "0/tcp"',
  ],
  [{ ExposedPorts: { 'http/tcp': {} } }, 'invalid port specification: "http/tcp"'],
  [host({ Dns: ['dns.example'] }), '…dns.example is not an ip address'],
  [host({ DnsSearch: ['a\nnameserver 6.6.6.6'] }), '…is not a valid domain or option…'],
  [host({ DnsOptions: ['a b'] }), '…is not a valid domain or option…'],
  [host({ ExtraHosts: ['x'] }), 'bad format for add-host: "x"'],
  [host({ ExtraHosts: ['x:y'] }), 'invalid IP address in add-host: "y"'],
  [host({ Sysctls: { 'kernel.panic': '1' } }), "sysctl 'kernel.panic=1' is not allowed"],
  [on('host', { Sysctls: { 'net.core.somaxconn': '1' } }), '…not allowed in host network mode'],
  [
    host({ Ulimits: [{ Name: 'nofile', Soft: 5, Hard: 3 }] }),
    'ulimit soft limit must be less than or equal to hard limit: 5 > 3',
  ],
  [host({ Ulimits: [{ Name: 'files', Soft: 1, Hard: 1 }] }), 'invalid ulimit type: files'],
  [on('container:'), 'Invalid network mode: invalid container format container:<name|id>'],
  [{ Hostname: 'x', ...on('container:web') }, 'conflicting options: hostname and the network mode'],
  [
    on('container:web', { Links: ['db'] }),
    "conflicting options: container type network can't be used with links. This would result in undefined behavior",
  ],
  [
    on('host', { Links: ['db'] }),
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  ],
  [on('container:web', { Dns: ['1.1.1.1'] }), 'conflicting options: dns and the network mode'],
  [
    on('container:web', { ExtraHosts: ['a:1.1.1.1'] }),
    'conflicting options: custom host-to-IP mapping and the network mode',
  ],
  [
    { MacAddress: '02:42:ac:11:00:02', ...on('host') },
    'conflicting options: mac-address and the network mode',
  ],
  [
    on('container:web', { PortBindings: { '80/tcp': [{}] } }),
    'conflicting options: port publishing and the container type network mode',
  ],
  [
    on('container:web', { PublishAllPorts: true }),
    'conflicting options: port publishing and the container type network mode',
  ],
  [
    { ExposedPorts: { '80/tcp': {} }, ...on('container:web') },
    'conflicting options: port exposing and the container type network mode',
  ],
  [{ Hostname: 'x', ...host({ UTSMode: 'host' }) }, 'conflicting options: hostname and the UTS mode'],
  [
    { ...on('host'), NetworkingConfig: { EndpointsConfig: { other: {} } } },
    'conflicting options: cannot attach both user-defined and non-user-defined network-modes',
  ],
  [
    {
      ...on('none'),
      NetworkingConfig: { EndpointsConfig: { none: { IPAMConfig: { IPv4Address: '10.0.0.9' } } } },
    },
    'user specified IP address is supported on user defined networks only',
  ],
  [{ MacAddress: 'zz' }, 'invalid MAC address: zz'],
  [{ MacAddress: '01:00:5e:00:00:01' }, 'invalid MAC address: 01:00:5e:00:00:01: it is a multicast address'],
  [
    { NetworkingConfig: { EndpointsConfig: { net: { IPAMConfig: { IPv4Address: '::1' } } } } },
    'invalid IPv4 address: ::1',
  ],
  [
    { NetworkingConfig: { EndpointsConfig: { net: { IPAMConfig: { IPv6Address: '1.1.1.1' } } } } },
    'invalid IPv6 address: 1.1.1.1',
  ],
  [{ NetworkingConfig: { EndpointsConfig: { net: { Aliases: ['a b'] } } } }, 'invalid network alias: "a b"'],
  [host({ Links: ['a:b:c'] }), 'bad format for links: a:b:c'],
  [host({ SecurityOpt: ['foo'] }), 'invalid --security-opt 1: "foo"'],
  [host({ SecurityOpt: ['foo=bar'] }), 'invalid --security-opt 2: "foo=bar"'],
  [host({ CapAdd: ['CAP_FLY'] }), 'invalid CapAdd: unknown capability: "CAP_FLY"'],
  [host({ CapDrop: ['FLY'] }), 'invalid CapDrop: unknown capability: "…FLY"'],
  [host({ IpcMode: 'odd' }), 'invalid IPC mode: odd'],
  [host({ PidMode: 'odd' }), 'invalid PID mode: odd'],
  [host({ UTSMode: 'odd' }), 'invalid UTS mode: odd'],
  [host({ CgroupnsMode: 'odd' }), 'invalid cgroup namespace mode: odd'],
  [host({ UsernsMode: 'odd' }), 'invalid …odd'],
  [host({ CgroupParent: '../../x' }), 'invalid cgroup parent: ../../x'],
  [host({ CgroupParent: 'a\nb' }), 'invalid cgroup parent: a\nb'],
  [host({ CgroupParent: 'x'.repeat(256) }), 'invalid cgroup parent: xxx…'],
  [host({ CgroupParent: '/x'.repeat(600) }), 'invalid cgroup parent: /x/x…'],
  [host({ Devices: [{ PathOnHost: 'sda' }] }), 'sda is not an absolute path'],
  [host({ Devices: [{ PathOnHost: '/dev/sda', CgroupPermissions: 'rx' }] }), 'invalid device mode: rx…'],
  [host({ DeviceCgroupRules: ['x'] }), "invalid device cgroup rule format: 'x'…"],
  [host({ Runtime: 'kata' }), 'unknown or invalid runtime name: kata'],
  [host({ Isolation: 'hyperv' }), `Invalid isolation: "hyperv" - linux only supports 'default'`],
  [host({ StorageOpt: { size: '1g' } }), '--storage-opt …'],
  [host({ StorageOpt: { foo: '1' } }), 'Unknown option foo'],
  [host({ LogConfig: { Type: 'odd' } }), '…plugin "odd" not found'],
  [host({ LogConfig: { Config: { foo: '1' } } }), "unknown log opt 'foo' for json-file log driver"],
  [host({ LogConfig: { Config: { 'max-file': '0' } } }), 'max-file cannot be less than 1'],
  [
    host({ Annotations: { '': 'x' } }),
    'invalid Annotations: the empty string is not permitted as an annotation key',
  ],
  [host({ GroupAdd: ['a b'] }), 'invalid group: "a b"'],
  [host({ Binds: ['/a:/x:foo'] }), 'invalid mode: foo'],
  [
    host({ Mounts: [{ Type: 'odd', Target: '/x' }] }),
    'invalid mount config for type "odd": mount type unknown',
  ],
  [host({ VolumesFrom: [':ro'] }), 'invalid volumes-from specification…'],
  [host({ Tmpfs: { '/': '' } }), "…destination can't be '/'"],
  [host({ Tmpfs: { '/x': 'odd=1' } }), 'invalid tmpfs option…'],
];

for (const [request, message] of refused) {
  test(`validateCreate() refuses ${JSON.stringify(request).slice(0, 90)}`, () => {
    assert.throws(() => check(request), { kind: 'invalid', message: pattern(message) });
  });
}

function pattern(message: string): RegExp {
  const parts = message.split('…').map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*')}$`);
}

const accepted: readonly (readonly [string, object])[] = [
  ['nothing special', {}],
  ['signals in every form', { StopSignal: 'rtmin+3' }],
  ['a bare variable', { Env: ['A', 'B=', 'C=x=y'] }],
  ['a host name with a dot', { Hostname: 'web.example.org', Domainname: 'example.org' }],
  ['a host name in host network mode', { Hostname: 'x', ...on('host') }],
  [
    'the mode itself among the endpoints',
    { ...on('host'), NetworkingConfig: { EndpointsConfig: { host: {} } } },
  ],
  ['old clients’ retry count', host({ RestartPolicy: { Name: '', MaximumRetryCount: 3 } })],
  ['--rm with policy no', host({ AutoRemove: true, RestartPolicy: { Name: 'no' } })],
  [
    'all limits',
    host({
      Memory: 6 * MB,
      MemorySwap: -1,
      NanoCpus: 2e9,
      CpusetCpus: '0,1',
      PidsLimit: -1,
      OomScoreAdj: -1000,
    }),
  ],
  ['no health check', { Healthcheck: { Test: ['NONE'] } }],
  ['host-gateway', host({ ExtraHosts: ['host.docker.internal:host-gateway'] })],
  ['systempaths=unconfined', host({ SecurityOpt: ['systempaths=unconfined', 'no-new-privileges'] })],
];

for (const [what, request] of accepted) {
  test(`validateCreate() accepts ${what}`, () => assert.deepEqual(check(request).warnings, []));
}

test('validateCreate() fills in what inspect shows', () => {
  const { hostConfig } = check(host({ Memory: 8 * MB }));
  assert.equal(hostConfig.MemorySwap, 16 * MB);
  assert.equal(hostConfig.ShmSize, 64 * MB);
  assert.equal(hostConfig.IpcMode, 'private');
});

test('validateCreate() drops what the kernel cannot do, and says so', () => {
  const facts = {
    ...FACTS,
    host: { ...FACTS.host, cgroups: { ...FACTS.host.cgroups, hasMemoryLimit: false } },
  };
  const { hostConfig, warnings } = check(host({ Memory: 8 * MB }), facts);
  assert.equal(hostConfig.Memory, 0);
  assert.deepEqual(warnings, [
    'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
  ]);
});

test('validateCreate() warns of ports and forwarding that have no effect', () => {
  const ports = { PortBindings: { '80/tcp': [{ HostPort: '80' }] } };
  assert.deepEqual(check(on('host', ports)).warnings, [
    'Published ports are discarded when using host network mode',
  ]);
  const facts = { ...FACTS, isForwardingOff: true };
  assert.deepEqual(check({}, facts).warnings, ['IPv4 forwarding is disabled. Networking will not work.']);
  assert.deepEqual(check(on('none'), facts).warnings, []);
});
