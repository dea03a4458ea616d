import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();
/** Docker’s own, see `network/subnet-choice.ts` */
const POOLS = /^(?:172\.\d+\.0\.0\/16|192\.168\.\d+\.0\/20)$/;
const ADDRESS = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
const WEB = [
  'busybox',
  'sh',
  '-c',
  'echo "page of $(hostname)" > /tmp/index.html; exec httpd -f -p 8123 -h /tmp',
];

test('docker network ls shows bridge, host and none with their drivers (S189, S190, S347)', {
  skip,
}, async () => {
  const [head = '', ...rows] = (await engine.ok('network', 'ls')).split('\n');
  assert.match(head, /^NETWORK ID +NAME +DRIVER +SCOPE$/);
  assert.deepEqual(
    rows.map(row => row.replace(/^[0-9a-f]{12} +/, '').replaceAll(/ +/g, ' ')),
    ['bridge bridge local', 'host host local', 'none null local'],
  );
  assert.equal(await engine.ok('network', 'ls', '-q', '-f', 'driver=null').then(id => id.length), 12);
});

test('the default network has addresses from 172.17.0.0/16, or the next pool that is free; the first container has .2 (S198, S064)', {
  skip,
}, async () => {
  const [subnet = '', gateway = ''] = (
    await engine.ok(
      'network',
      'inspect',
      '-f',
      '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}',
      'bridge',
    )
  ).split(' ');
  assert.match(subnet, POOLS); // other engines may have the first of them
  await engine.started('first', 'busybox', 'sleep', '100');
  assert.equal(await engine.inspect('first', ADDRESS), gateway.replace(/\.1$/, '.2'));
  assert.match(
    await engine.ok('exec', 'first', 'ip', 'route'),
    new RegExp(`^default via ${gateway.replaceAll('.', '\\.')} dev eth0`),
  );
});

test('docker inspect tells which network a container is in, and its addresses (S093, S346)', {
  skip,
}, async () => {
  await engine.started('where', 'busybox', 'sleep', '100');
  assert.equal(
    await engine.inspect('where', '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}'),
    'bridge',
  );
  const [address = '', prefix, mac = '', gateway] = (
    await engine.inspect(
      'where',
      '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.IPPrefixLen}} {{.MacAddress}} {{.Gateway}}{{end}}',
    )
  ).split(' ');
  assert.match(
    await engine.ok('exec', 'where', 'ip', 'addr', 'show', 'eth0'),
    new RegExp(`link/ether ${mac}[^]*inet ${address}/${prefix} `),
  );
  assert.equal(gateway, address.replace(/\.\d+\.\d+$/, '.0.1'));
  const containers = JSON.parse(
    await engine.ok('network', 'inspect', '-f', '{{json .Containers}}', 'bridge'),
  ) as Record<string, { Name: string; IPv4Address: string }>;
  assert.deepEqual(
    Object.values(containers).map(({ Name, IPv4Address }) => [Name, IPv4Address]),
    [['where', `${address}/${prefix}`]],
  );
});

test('ordinary tools inside a container show its network (S094)', { skip }, async () => {
  const output = await engine.run(
    'busybox',
    'sh',
    '-c',
    'ifconfig eth0; route -n; netstat -tln; cat /proc/net/dev',
  );
  const gateway = await engine.ok(
    'network',
    'inspect',
    '-f',
    '{{range .IPAM.Config}}{{.Gateway}}{{end}}',
    'bridge',
  );
  assert.ok(output.includes(`inet addr:${gateway.replace(/\d+$/, '')}`), output);
  assert.match(output, new RegExp(`^0\\.0\\.0\\.0 +${gateway.replaceAll('.', '\\.')} `, 'm'));
});

test('bridge: containers reach one another by address, and each has an interface of its own (S191, S197)', {
  skip,
}, async () => {
  await engine.started('one', '-h', 'one', ...WEB);
  await engine.started('two', '-h', 'two', ...WEB);
  const [one, two] = [await engine.inspect('one', ADDRESS), await engine.inspect('two', ADDRESS)];
  assert.notEqual(one, two);
  const page = (from: string, address: string): Promise<string> =>
    engine.ok('exec', from, 'wget', '-qO-', `http://${address}:8123/`);
  await until(
    'the server',
    async () => (await engine.docker(['exec', 'one', 'wget', '-qO-', `http://${two}:8123/`])).code === 0,
  );
  assert.equal(await page('one', two), 'page of two');
  assert.equal(await page('two', one), 'page of one');
  const mac = (name: string): Promise<string> =>
    engine.ok('exec', name, 'cat', '/sys/class/net/eth0/address');
  assert.notEqual(await mac('one'), await mac('two'));
});

test('a container is reachable from the host on its own address (S199)', { skip }, async () => {
  await engine.started('web', '-h', 'web', ...WEB);
  const url = `http://${await engine.inspect('web', ADDRESS)}:8123/`;
  await until('the page', async () => (await fetch(url).catch(() => undefined))?.ok ?? false);
  assert.equal(await (await fetch(url)).text(), 'page of web\n');
});

test('none: no address, only the loop-back interface (S192)', { skip }, async () => {
  assert.equal(await engine.run('--network', 'none', 'busybox', 'ls', '/sys/class/net'), 'lo');
  assert.equal(await engine.run('--network', 'none', 'busybox', 'ip', 'route'), '');
  assert.equal(
    await engine
      .run('--network', 'none', 'busybox', 'ping', '-c', '1', '-W', '1', '127.0.0.1')
      .then(text => / 0% packet loss/.test(text)),
    true,
  );
});

test("host: a container uses the host's network, and nothing is published for it (S193, S080)", {
  skip,
}, async () => {
  const { stderr } = await engine.docker([
    'run',
    '-d',
    '--name',
    'open',
    '--net=host',
    '-p',
    '8080:80',
    'busybox',
    'sleep',
    '100',
  ]);
  assert.match(stderr, /Published ports are discarded when using host network mode/);
  assert.equal(
    readlinkSync(`/proc/${await engine.inspect('open', '{{.State.Pid}}')}/ns/net`),
    readlinkSync('/proc/self/ns/net'),
  );
  const own = Object.keys(networkInterfaces()).filter(name => !name.startsWith('q'));
  const links = (await engine.ok('exec', 'open', 'ls', '/sys/class/net')).split('\n');
  assert.ok(
    own.every(name => links.includes(name)),
    `${own.join()} / ${links.join()}`,
  );
});

test('interfaces, routes and rules of a container are its own: a change stays inside (S216)', {
  skip,
}, async () => {
  await engine.started('admin', '--cap-add', 'NET_ADMIN', 'busybox', 'sleep', '100');
  await engine.started('other', 'busybox', 'sleep', '100');
  await engine.ok(
    'exec',
    'admin',
    'sh',
    '-c',
    'ip addr add 10.99.98.97/32 dev lo; ip route add blackhole 203.0.113.0/24',
  );
  assert.doesNotMatch(await engine.ok('exec', 'other', 'ip', 'addr'), /10\.99\.98\.97/);
  assert.ok(
    !Object.values(networkInterfaces())
      .flat()
      .some(each => each?.address === '10.99.98.97'),
  );
  assert.doesNotMatch(await engine.ok('exec', 'other', 'ip', 'route'), /203\.0\.113/);

  // Its rules, too: with a tool of the host's, as the image has none.
  const rules = async (command: string, name?: string): Promise<string> => {
    const pid = name === undefined ? undefined : await engine.inspect(name, '{{.State.Pid}}');
    const words = [...(pid === undefined ? [] : ['nsenter', '-t', pid, '-n']), 'nft', ...command.split(' ')];
    return execFileSync(words[0] ?? '', words.slice(1), { encoding: 'utf8' });
  };
  await rules('add table ip inside_only', 'admin');
  assert.match(await rules('list tables', 'admin'), /inside_only/);
  assert.doesNotMatch(await rules('list tables', 'other'), /inside_only/);
  assert.doesNotMatch(await rules('list tables'), /inside_only/);
});

test('containers reach the world beyond the host through its address (S302)', { skip }, async () => {
  const outside = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(q|br-|lo|docker|veth)/.test(name))
    .flatMap(([, addresses]) => (addresses ?? []).filter(({ family }) => family === 'IPv4'))[0]?.address;
  if (outside === undefined) return;
  const server = createServer((request, response) => response.end(String(request.socket.remoteAddress)));
  await new Promise<void>(resolve => server.listen(0, outside, resolve));
  const { port } = server.address() as { port: number };
  try {
    const seen = await engine.run('busybox', 'wget', '-qO-', `http://${outside}:${port}/`);
    assert.match(seen, /^(172\.|::ffff:172\.|\d)/);
  } finally {
    server.close();
  }
});

test("--link gives the other container's name in /etc/hosts (S084, S208, S367)", { skip }, async () => {
  await engine.started('container1', '-h', 'web', ...WEB);
  const id = await engine.ok('run', '-itd', '--name', 'container2', '--link', 'container1:site', 'busybox');
  assert.match(id, /^[0-9a-f]{64}$/);
  const address = await engine.inspect('container1', ADDRESS);
  assert.match(
    await engine.ok('exec', 'container2', 'cat', '/etc/hosts'),
    new RegExp(`^${address}\tsite [0-9a-f]{12}|web container1$`, 'm'),
  );
  await until(
    'the page',
    async () =>
      (await engine.docker(['exec', 'container2', 'wget', '-qO-', 'http://site:8123/'])).stdout ===
      'page of web\n',
  );
  await engine.started('plain', '--link', 'container1', 'busybox', 'sleep', '100');
  assert.equal(await engine.ok('exec', 'plain', 'wget', '-qO-', 'http://container1:8123/'), 'page of web');
});

test('--link to a container that is absent or stopped says so (S383)', { skip }, async () => {
  const absent = await engine.refused('run', '--link', 'nosuch', 'busybox', 'true');
  assert.match(absent.stderr, /could not get container for nosuch|No such container: nosuch/);
  await engine.ok('create', '--name', 'stopped', 'busybox');
  const stopped = await engine.refused('run', '--link', 'stopped:alias', 'busybox', 'true');
  assert.match(stopped.stderr, /Cannot link to a non running container: \/stopped AS \/.*\/alias/);
  await engine.ok('network', 'create', 'elsewhere');
  await engine.started('apart', '--network', 'elsewhere', 'busybox', 'sleep', '100');
  const apart = await engine.refused('run', '--link', 'apart:alias', 'busybox', 'true');
  assert.match(apart.stderr, /Cannot link to \/apart, as it does not belong to the default network/);
});

test('an address, a network or a port that does not exist is refused', { skip }, async () => {
  assert.match(
    (await engine.refused('run', '--rm', '--network', 'nosuch', 'busybox', 'true')).stderr,
    /network nosuch not found/,
  );
  assert.equal((await engine.refused('run', '--rm', '-p', '99999:80', 'busybox', 'true')).code, 125);
  assert.match((await engine.refused('network', 'inspect', 'nosuch')).stderr, /network nosuch not found/);
  assert.match(
    (await engine.refused('network', 'rm', 'bridge')).stderr,
    /bridge is a pre-defined network and cannot be removed/,
  );
});

test('docker network create makes a network with addresses of its own; containers join one or several (S079, S196, S200, S203, S205)', {
  skip,
}, async () => {
  await engine.ok('network', 'create', '--subnet', '10.213.0.0/24', '--label', 'tier=web', 'front');
  await engine.ok('network', 'create', 'back');
  assert.equal(await engine.ok('network', 'ls', '--format', '{{.Name}}', '-f', 'label=tier=web'), 'front');
  await engine.started('web', '-h', 'web', '--network', 'front', ...WEB);
  await engine.started('fixed', '--network', 'front', '--ip', '10.213.0.77', 'busybox', 'sleep', '100');
  assert.equal(await engine.inspect('web', ADDRESS), '10.213.0.2');
  assert.equal(await engine.inspect('fixed', ADDRESS), '10.213.0.77');
  const url = 'http://10.213.0.2:8123/';
  await until(
    'the page',
    async () => (await engine.docker(['exec', 'fixed', 'wget', '-qO-', url])).stdout === 'page of web\n',
  );

  await engine.ok('network', 'connect', 'back', 'fixed');
  assert.deepEqual((await engine.ok('exec', 'fixed', 'ls', '/sys/class/net')).split('\n'), [
    'eth0',
    'eth1',
    'lo',
  ]);
  const both = '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}';
  assert.equal(await engine.inspect('fixed', both), 'back front ');
  await engine.ok('network', 'disconnect', 'front', 'fixed');
  assert.notEqual((await engine.docker(['exec', 'fixed', 'sh', '-c', `timeout 1 wget -qO- ${url}`])).code, 0);

  assert.match(
    (await engine.refused('network', 'rm', 'back')).stderr,
    /network back has active endpoints \(name:"fixed" id:"[0-9a-f]{12}"\)/,
  );
  await engine.ok('rm', '-f', 'web', 'fixed');
  assert.equal(await engine.ok('network', 'rm', 'front', 'back'), 'front\nback');
});
