import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();
const json = async (name: string): Promise<Record<string, unknown>> =>
  (JSON.parse(await engine.ok('network', 'inspect', name)) as Record<string, unknown>[])[0] ?? {};

test('docker network create --config-only lends its settings to networks --config-from it', {
  skip,
}, async () => {
  await engine.ok(
    ...'network create --config-only --subnet 10.87.1.0/24 --gateway 10.87.1.9'.split(' '),
    ...'-o com.docker.network.driver.mtu=1400 --label a=b settings'.split(' '),
  );
  const { ConfigOnly, Driver } = await json('settings');
  assert.deepEqual([ConfigOnly, Driver], [true, 'null']);
  assert.match(
    (await engine.refused('run', '--rm', '--network', 'settings', 'busybox', 'true')).stderr,
    /configuration network/,
  );
  await engine.ok('network', 'create', '--config-from', 'settings', 'made');
  const made = await json('made');
  assert.deepEqual(made['ConfigFrom'], { Network: 'settings' });
  assert.deepEqual((made['IPAM'] as { Config: unknown }).Config, [
    { Subnet: '10.87.1.0/24', Gateway: '10.87.1.9' },
  ]);
  assert.deepEqual(made['Labels'], { a: 'b' });
  assert.match(await engine.run('--network', 'made', 'busybox', 'ip', 'link', 'show', 'eth0'), /mtu 1400/);
  for (const [words, message] of [
    [['rm', 'settings'], /configuration network "settings" is in use/],
    [['create', '--config-from', 'made', 'x'], /"made" is not a configuration network/],
    [['create', '--config-from', 'nobody', 'x'], /configuration network "nobody" does not exist/],
    [
      ['create', '--config-from', 'settings', '--subnet', '10.1.0.0/24', 'x'],
      /user specified configurations/,
    ],
    [['create', '--config-only', '--internal', 'x'], /can only contain network specific fields/],
  ] as const) {
    assert.match((await engine.refused('network', ...words)).stderr, message);
  }
  await engine.ok('network', 'rm', 'made', 'settings');
});

test('docker network inspect tells how many addresses are taken from API 1.52 on', { skip }, async () => {
  await engine.ok(
    'network',
    'create',
    '--subnet',
    '10.87.2.0/24',
    '--ip-range',
    '10.87.2.128/25',
    '--ipv6',
    'counted',
  );
  const status = async (version: string): Promise<unknown> => {
    const { body } = await engine.daemon.call('GET', `/${version}/networks/counted`);
    return (body as { Status?: { IPAM: { Subnets: Record<string, unknown> } } }).Status?.IPAM.Subnets[
      '10.87.2.0/24'
    ];
  };
  assert.deepEqual(await status('v1.52'), { IPsInUse: 3, DynamicIPsAvailable: 126 });
  await engine.started('one', '--network', 'counted', 'busybox', 'sleep', '100');
  assert.deepEqual(await status('v1.55'), { IPsInUse: 4, DynamicIPsAvailable: 125 });
  assert.equal(await status('v1.51'), undefined);
  await engine.ok('rm', '-f', 'one');
  await engine.ok('network', 'rm', 'counted');
});

test('docker network connect names the interface and sets its parameters, on running and stopped containers', {
  skip,
}, async () => {
  await engine.ok('network', 'create', '--subnet', '10.87.3.0/24', 'lan');
  const options = [
    '--driver-opt',
    'com.docker.network.endpoint.ifname=lan0',
    '--driver-opt',
    'com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1',
  ];
  await engine.started('running', 'busybox', 'sleep', '100');
  await engine.ok('create', '--name', 'stopped', 'busybox', 'sleep', '100');
  for (const name of ['running', 'stopped']) await engine.ok('network', 'connect', ...options, 'lan', name);
  await engine.ok('start', 'stopped');
  for (const name of ['running', 'stopped']) {
    assert.match(await engine.ok('exec', name, 'ip', 'addr', 'show', 'lan0'), /inet 10\.87\.3\./);
    assert.equal(await engine.ok('exec', name, 'cat', '/proc/sys/net/ipv4/conf/lan0/log_martians'), '1');
  }
  // Its own writing of the same, whose letters become small on the way.
  const given = `name=lan,driver-opt=com.docker.network.endpoint.ifname=lan0,"driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1"`;
  const parameter = '/proc/sys/net/ipv4/conf/lan0/log_martians';
  assert.equal(await engine.run('--network', given, 'busybox', 'cat', parameter), '1');
  await engine.ok('network', 'disconnect', 'lan', 'running');
  await engine.refused('exec', 'running', 'ip', 'addr', 'show', 'lan0');
  for (const [option, message] of [
    ['com.docker.network.endpoint.ifname=eth0', /interface eth0 exists in the container already/],
    ['com.docker.network.endpoint.ifname=a/b', /invalid interface name/],
    ['com.docker.network.endpoint.sysctls=kernel.hostname=x', /sysctl/],
    ['com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.nonsense=1', /no such parameter/],
  ] as const) {
    const { stderr } = await engine.refused('network', 'connect', '--driver-opt', option, 'lan', 'running');
    assert.match(stderr, message);
  }
  await engine.ok('rm', '-f', 'running', 'stopped');
  await engine.ok('network', 'rm', 'lan');
});

test('--link-local-ip gives more addresses on the link of the network, of run and of connect', {
  skip,
}, async () => {
  await engine.ok('network', 'create', 'lan');
  const asked = ['--link-local-ip', '169.254.7.7', '--link-local-ip', 'fe80::77'];
  await engine.started('one', '--network', 'lan', ...asked, 'busybox', 'sleep', '100');
  await engine.started('two', 'busybox', 'sleep', '100');
  await engine.ok('network', 'connect', '--link-local-ip', '169.254.7.8', 'lan', 'two');
  assert.match(
    await engine.ok('exec', 'one', 'ip', 'addr', 'show', 'eth0'),
    /inet 169\.254\.7\.7\/16[^]*fe80::77\/64/,
  );
  assert.match(await engine.ok('exec', 'two', 'ip', 'addr', 'show', 'eth1'), /inet 169\.254\.7\.8\/16/);
  for (const far of ['169.254.7.7', 'fe80::77%eth1']) {
    assert.match(await engine.ok('exec', 'two', 'ping', '-c', '1', '-W', '10', far), / 0% packet loss/, far);
  }
  const shown = '{{json .NetworkSettings.Networks.lan.IPAMConfig.LinkLocalIPs}}';
  assert.equal(await engine.inspect('one', shown), '["169.254.7.7","fe80::77"]');
  for (const [address, message] of [
    ['169.254.7.7', /Address already in use: 169\.254\.7\.7 is held by container one/],
    ['10.9.9.9', /invalid link-local IP address: 10\.9\.9\.9: use one of 169\.254\.0\.0\/16/],
  ] as const) {
    const words = ['run', '--rm', '--network', 'lan', '--link-local-ip', address, 'busybox', 'true'];
    assert.match((await engine.refused(...words)).stderr, message);
  }
  await engine.ok('rm', '-f', 'one', 'two');
  await engine.ok('network', 'rm', 'lan');
});

test('docker network connect refuses what cannot be in words, on stopped containers as well', {
  skip,
}, async () => {
  await engine.ok('network', 'create', '--subnet', '10.87.4.0/24', 'lan');
  await engine.ok('create', '--name', 'stopped', 'busybox', 'sleep', '100');
  await engine.ok('create', '--name', 'alone', '--network', 'none', 'busybox', 'sleep', '100');
  await engine.ok('create', '--name', 'hosted', '--network', 'host', 'busybox', 'sleep', '100');
  for (const [words, message] of [
    [['--ip', '10.88.0.9', 'lan', 'stopped'], /no configured subnet contains IP address 10\.88\.0\.9/],
    [['--ip', '172.17.0.9', 'bridge', 'alone'], /private \(none\) mode/],
    [['lan', 'hosted'], /cannot be disconnected from host network or connected to host network/],
    [['host', 'stopped'], /cannot be disconnected from host network or connected to host network/],
    [['none', 'stopped'], /private \(none\) mode/],
    [['bridge', 'stopped'], /endpoint with name stopped already exists in network bridge/],
    [['nowhere', 'stopped'], /network nowhere not found/],
    [['lan', 'nobody'], /No such container: nobody/],
  ] as const) {
    assert.match((await engine.refused('network', 'connect', ...words)).stderr, message);
  }
  await engine.ok('network', 'disconnect', 'none', 'alone');
  await engine.ok('rm', 'stopped', 'alone', 'hosted');
  await engine.ok('network', 'rm', 'lan');
});
