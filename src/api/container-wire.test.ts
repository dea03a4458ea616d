import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { HostConfig } from '#spec/docker/host-config';
import { containerSummaryToWire, containerToWire } from './container-wire.ts';
import { CONTAINER_ID, fakeContainer } from './fake-services.ts';

test('containerToWire() repeats the address of the default bridge up to 1.51, and no longer', () => {
  const old = containerToWire(fakeContainer(), 51);
  const settings = old.NetworkSettings as Record<string, unknown>;
  assert.equal(settings['IPAddress'], '172.17.0.2');
  assert.equal(settings['SecondaryIPAddresses'], null);
  assert.equal(old.Config.OnBuild, null);

  const latest = containerToWire(fakeContainer(), 52);
  assert.deepEqual(Object.keys(latest.NetworkSettings).toSorted(), [
    'Networks',
    'Ports',
    'SandboxID',
    'SandboxKey',
  ]);
  assert.ok(!('OnBuild' in latest.Config));
});

test('containerToWire() maps published and exposed ports, and none when it does not run', () => {
  const running = containerToWire(fakeContainer(), 50);
  assert.deepEqual(running.NetworkSettings.Ports, {
    '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }],
    '81/tcp': null,
  });
  const exited = { ...fakeContainer().state, status: 'exited' as const };
  assert.deepEqual(
    containerToWire(fakeContainer({ state: exited, ports: [] }), 50).NetworkSettings.Ports,
    {},
  );
});

test('containerToWire() fills in what Docker fills in for a host configuration that says nothing', () => {
  const { HostConfig: host } = containerToWire(fakeContainer({ hostConfig: v.parse(HostConfig, {}) }), 50);
  const {
    Binds,
    CapAdd,
    ConsoleSize,
    Devices,
    Dns,
    IpcMode,
    LogConfig,
    MaskedPaths,
    MemorySwappiness,
    NetworkMode,
    PidsLimit,
    PortBindings,
    RestartPolicy,
    ShmSize,
  } = host;
  assert.deepEqual(
    { Binds, CapAdd, ConsoleSize, Devices, Dns, IpcMode, LogConfig, MemorySwappiness, NetworkMode },
    {
      Binds: null,
      CapAdd: null,
      ConsoleSize: [0, 0],
      Devices: [],
      Dns: [],
      IpcMode: 'private',
      LogConfig: { Type: 'json-file', Config: {} },
      MemorySwappiness: null,
      NetworkMode: 'default',
    },
  );
  assert.deepEqual(
    { PidsLimit, PortBindings, RestartPolicy, ShmSize },
    {
      PidsLimit: null,
      PortBindings: {},
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      ShmSize: 67_108_864,
    },
  );
  assert.ok(MaskedPaths?.includes('/proc/kcore'));
  for (const absent of [
    'Mounts',
    'Annotations',
    'Tmpfs',
    'Sysctls',
    'StorageOpt',
    'Init',
    'KernelMemoryTCP',
  ]) {
    assert.ok(!(absent in host), absent);
  }
});

test('containerToWire() shows a privileged container without masked paths', () => {
  const hostConfig = v.parse(HostConfig, { Privileged: true });
  const { HostConfig: host } = containerToWire(fakeContainer({ hostConfig }), 50);
  assert.equal(host.MaskedPaths, null);
  assert.equal(host.ReadonlyPaths, null);
});

test('containerToWire() leaves out what is empty in a mount', () => {
  const hostConfig = v.parse(HostConfig, {
    Mounts: [
      { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
      { Type: 'volume', Target: '/c', VolumeOptions: { Labels: { NoCopy: '' } } },
      { Type: 'tmpfs', Target: '/d', TmpfsOptions: { SizeBytes: 1, Options: [['exec']] } },
    ],
  });
  const { HostConfig: host } = containerToWire(fakeContainer({ hostConfig }), 50);
  assert.deepEqual('Mounts' in host && host.Mounts, [
    { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave' } },
    { Type: 'volume', Target: '/c', VolumeOptions: { Labels: { NoCopy: '' } } },
    { Type: 'tmpfs', Target: '/d', TmpfsOptions: { SizeBytes: 1, Options: [['exec']] } },
  ]);
});

test('containerToWire() has the short ID among the aliases of user networks until 1.44', () => {
  const [endpoint] = fakeContainer().endpoints;
  assert.ok(endpoint);
  const view = fakeContainer({ endpoints: [{ ...endpoint, networkName: 'mine', aliases: ['db'] }] });
  assert.deepEqual(containerToWire(view, 44).NetworkSettings.Networks['mine']?.Aliases, [
    'db',
    CONTAINER_ID.slice(0, 12),
  ]);
  assert.deepEqual(containerToWire(view, 45).NetworkSettings.Networks['mine']?.Aliases, ['db']);
});

test('containerSummaryToWire() quotes arguments with spaces, and lists ports', () => {
  const context = { version: 50, now: fakeContainer().createdAt, image: 'busybox:latest' };
  const summary = containerSummaryToWire(fakeContainer(), context);
  assert.equal(summary.Command, "sh -c 'sleep 1000'");
  assert.deepEqual(summary.Names, ['/web']);
  assert.deepEqual(summary.Ports, [
    { PrivatePort: 81, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
  ]);
  assert.ok(!('SizeRw' in summary));
  assert.ok(!('Health' in summary));
  assert.deepEqual(containerSummaryToWire(fakeContainer(), { ...context, version: 52 }).Health, {
    Status: 'healthy',
    FailingStreak: 0,
  });
});
