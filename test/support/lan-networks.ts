import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { loadImage } from './busybox-daemon.ts';
import { startDaemon, type TestDaemon } from './daemon.ts';

interface Lan {
  readonly name: string;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  /** the first three numbers of its addresses; .1 is a machine of the network */
  readonly range: string;
  /** what the kernel says of a container's interface on it */
  readonly kind: RegExp;
}

/** What stands on interfaces of this host, and VLANs of them. */
const LANS: readonly Lan[] = [
  {
    name: 'tagged',
    driver: 'macvlan',
    options: { parent: 'up1.50' },
    range: '10.50.0',
    kind: /macvlan mode bridge/,
  },
  {
    name: 'level2',
    driver: 'ipvlan',
    options: { parent: 'up2' },
    range: '10.51.0',
    kind: /ipvlan +mode l2 bridge/,
  },
  {
    name: 'level3',
    driver: 'ipvlan',
    options: { parent: 'up3.7', ipvlan_mode: 'l3' },
    range: '10.52.0',
    kind: /ipvlan +mode l3 bridge/,
  },
];

const WIRES = ['up1', 'up2', 'up3'] as const;

/** Containers on VLANs and on ipvlan networks. A program, so that a kernel that has these can run it; it changes the host's links. */
async function main(archive: string): Promise<void> {
  sh('ip netns add lan');
  ip(WIRES.flatMap(wire => [`link add ${wire} up type veth peer name ${wire}far netns lan`]));
  // What machines of these networks see: tagged frames, frames, and packets by way of the host.
  ip(
    [
      'link add link up1far name v50 type vlan id 50',
      'link add link up3far name v7 type vlan id 7',
      ...[...WIRES.map(wire => `${wire}far`), 'v50', 'v7'].map(link => `link set ${link} up`),
      'addr add 10.50.0.1/24 dev v50',
      'addr add 10.51.0.1/24 dev up2far',
      'addr add 192.0.2.1/24 dev v7',
      'route add 10.52.0.0/24 via 192.0.2.2',
    ],
    'lan',
  );

  await using daemon = await startDaemon();
  await loadImage(daemon, archive);
  for (const { name, driver, options, range } of LANS) {
    const IPAM = { Config: [{ Subnet: `${range}.0/24`, Gateway: `${range}.1` }] };
    await ok(daemon, 'POST', '/networks/create', { Name: name, Driver: driver, Options: options, IPAM });
  }
  assert.match(sh('ip -d link show up1.50'), /state UP.*vlan protocol 802\.1Q id 50/s, 'made by the engine');
  sh('ip addr add 192.0.2.2/24 dev up3.7');

  const pid = await started(daemon, 'two', 8, ['sleep', '1000']);
  const links = sh(`nsenter -t ${pid} -n ip -d link`);
  for (const { kind, range } of LANS) {
    assert.match(links, kind);
    assert.match(sh(`ip netns exec lan busybox ping -c 1 -W 20 ${range}.8`), / 0% packet loss/, range);
  }
  const asks = [...LANS.map(({ range }) => `${range}.8`), '10.50.0.1', '10.51.0.1', '192.0.2.1'];
  await started(daemon, 'one', 7, ['sh', '-ec', asks.map(each => `ping -c 1 -W 20 ${each}`).join(';')]);
  const { StatusCode } = await ok<{ StatusCode: number }>(daemon, 'POST', '/containers/one/wait');
  const { body } = await daemon.call('GET', '/containers/one/logs?stdout=1&stderr=1');
  assert.equal(StatusCode, 0, `the other container, and machines of the networks, answer: ${String(body)}`);

  for (const name of ['one', 'two']) await ok(daemon, 'DELETE', `/containers/${name}?force=1`);
  for (const { name } of LANS) await ok(daemon, 'DELETE', `/networks/${name}`);
  assert.doesNotMatch(sh('ip -o link'), /up\d\.\d/, 'VLANs that the engine made go with their networks');
  assert.match(sh('ip -o link'), /up1@.*up2@.*up3@/s, 'interfaces of the host stay');
}

async function started(daemon: TestDaemon, name: string, last: number, cmd: string[]): Promise<number> {
  const EndpointsConfig = Object.fromEntries(
    LANS.map(lan => [lan.name, { IPAMConfig: { IPv4Address: `${lan.range}.${last}` } }]),
  );
  await ok(daemon, 'POST', `/containers/create?name=${name}`, {
    Image: 'busybox',
    Cmd: cmd,
    HostConfig: { NetworkMode: 'tagged' },
    NetworkingConfig: { EndpointsConfig },
  });
  await ok(daemon, 'POST', `/containers/${name}/start`);
  const { State } = await ok<{ State: { Pid: number } }>(daemon, 'GET', `/containers/${name}/json`);
  return State.Pid;
}

async function ok<T>(daemon: TestDaemon, method: string, path: string, asked?: unknown): Promise<T> {
  const { status, body } = await daemon.call(method, path, asked);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body as T; // Docker's
}

function ip(commands: readonly string[], netns?: string): void {
  const words = [...(netns === undefined ? [] : ['-n', netns]), '-batch', '-'];
  execFileSync('ip', words, { input: commands.join('\n') });
}

function sh(command: string): string {
  return execFileSync('sh', ['-c', command], { encoding: 'utf8' });
}

await main(process.argv[2] ?? '');
process.stdout.write('containers are on these networks\n');
