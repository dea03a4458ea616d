import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '#base/ids';
import { createNetns, removeNetns } from '#sys/netns';
import { openNetworkPart } from './network-part.ts';

/** A host with a server behind a published port, and a neighbour on a link of its own; each a network name space. */
export interface Host extends AsyncDisposable {
  readonly name: string;
  /** where programs of the host run; undefined: where this process is */
  readonly netns: string | undefined;
  readonly neighbour: string;
  /** of the server's name space */
  readonly server: string;
  readonly serverAddress: string;
}

export const HOST_ADDRESS = '10.77.0.1';
const NEIGHBOUR_ADDRESS = '10.77.0.2';
const SERVER_MTU = 1500;

/** What is published: the host's port, and the server's. */
export interface PublishedTo {
  readonly hostPort: number;
  readonly serverPort: number;
  /** `tcp` unless given */
  readonly protocol?: 'udp';
}

/** This process's name space becomes the host, with the engine's own network part on it. */
export async function ourHost(ports: readonly PublishedTo[]): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'quai-bench-'));
  prepare(undefined);
  const neighbour = makeNeighbour(join(folder, 'neighbour'), undefined);
  const part = await openNetworkPart(folder);
  const { service } = part;
  const id = newId();
  const owner = { containerId: id, containerName: 'server', hostname: 'server' };
  service.createSandbox(owner);
  const [endpoint] = await service.attach(
    owner,
    [{ network: 'bridge', aliases: [], links: [], driverOptions: {}, gatewayPriority: 0 }],
    ports.map(({ hostPort, serverPort, protocol = 'tcp' as const }) => ({
      protocol,
      containerPort: serverPort,
      hostIp: '',
      hostPortFirst: hostPort,
      hostPortLast: hostPort,
    })),
  );
  prepare(service.sandboxPath(id));
  return {
    name: 'ours',
    netns: undefined,
    neighbour,
    server: service.sandboxPath(id),
    serverAddress: endpoint?.ipv4?.address ?? '',
    async [Symbol.asyncDispose]() {
      service.release(id);
      await part[Symbol.asyncDispose]();
      removeNetns(neighbour);
      rmSync(folder, { recursive: true, maxRetries: 3 });
    },
  };
}

/** What an administrator would write by hand: a bridge, a veth pair, and one table with nothing but the rewriting. */
export async function plainHost(
  ports: readonly PublishedTo[],
  { name = 'plain' }: { readonly name?: string } = {},
): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'quai-bench-'));
  const netns = join(folder, 'host');
  const server = join(folder, 'server');
  const serverAddress = '172.17.0.2';
  for (const path of [netns, server]) createNetns(path);
  prepare(netns);
  const neighbour = makeNeighbour(join(folder, 'neighbour'), netns);
  ip(netns, 'link add br0 type bridge');
  ip(netns, 'addr add 172.17.0.1/16 dev br0');
  ip(netns, 'link set br0 up');
  ip(netns, `link add veth0 mtu ${SERVER_MTU} type veth peer name eth0`);
  into(netns, 'eth0', server);
  ip(netns, 'link set veth0 master br0 up');
  prepare(server);
  ip(server, `addr add ${serverAddress}/16 dev eth0`);
  ip(server, 'link set eth0 up');
  ip(server, 'route add default via 172.17.0.1');
  within(netns, 'sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.br0.route_localnet=1']);
  within(netns, 'nft', [plainTable(serverAddress, ports, name === 'plain')]);
  return {
    name,
    netns,
    neighbour,
    server,
    serverAddress,
    async [Symbol.asyncDispose]() {
      for (const path of [neighbour, server, netns]) removeNetns(path);
      rmSync(folder, { recursive: true, maxRetries: 3 });
    },
  };
}

/** @param isForLoopback connections to 127.0.0.1 are rewritten, too */
function plainTable(address: string, ports: readonly PublishedTo[], isForLoopback: boolean): string {
  const rules = ports.map(
    ({ hostPort, serverPort, protocol = 'tcp' }) =>
      `fib daddr type local ${protocol} dport ${hostPort} dnat to ${address}:${serverPort}`,
  );
  return `table ip plain {
    chain prerouting { type nat hook prerouting priority dstnat; ${rules.join('; ')}; }
    chain output { type nat hook output priority -100; ${isForLoopback ? '' : 'ip daddr 127.0.0.0/8 return;'} ${rules.join('; ')}; }
    chain postrouting { type nat hook postrouting priority srcnat; ip saddr 127.0.0.0/8 oifname "br0" masquerade; }
  }`;
}

function makeNeighbour(path: string, host: string | undefined): string {
  createNetns(path);
  prepare(path);
  ip(host, 'link add out0 type veth peer name eth0');
  into(host, 'eth0', path);
  ip(host, `addr add ${HOST_ADDRESS}/24 dev out0`);
  ip(host, 'link set out0 up');
  ip(path, `addr add ${NEIGHBOUR_ADDRESS}/24 dev eth0`);
  ip(path, 'link set eth0 up');
  return path;
}

/** Some machines are set to a congestion control that keeps to a pace of its own, by timers. */
function prepare(netns: string | undefined): void {
  ip(netns, 'link set lo up');
  within(netns, 'sysctl', ['-qw', 'net.ipv4.tcp_congestion_control=reno']);
}

/** Moves a link from one name space to another, which `ip` knows by a process or an open file. */
function into(from: string | undefined, link: string, to: string): void {
  within(from, 'sh', ['-c', `exec 9<${to}; exec ip link set ${link} netns /proc/self/fd/9`]);
}

function ip(netns: string | undefined, args: string): void {
  within(netns, 'ip', args.split(' '));
}

/** Runs a program in a name space, this process's unless given. */
export function within(netns: string | undefined, program: string, args: readonly string[]): string {
  const [first = '', ...rest] = commandWithin(netns, program, ...args);
  return execFileSync(first, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function commandWithin(netns: string | undefined, ...command: readonly string[]): string[] {
  return netns === undefined ? [...command] : ['nsenter', `--net=${netns}`, ...command];
}
