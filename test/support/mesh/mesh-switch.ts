import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Endpoint, MeshState, Network } from './mesh-state.ts';
import { TapDevice } from './tap-device.ts';

/** What a frame has around it on its way: addresses, UDP, the seal, and the number of its network. */
const MTU = 1_400;
const NETWORK_BYTES = 4;
const LINK = /^m[btv]-/;

export interface MeshSwitchDeps {
  readonly state: MeshState;
  /** other hosts that may have stations */
  readonly hosts: () => readonly string[];
  /** the host of a station of a mesh, by its hardware address */
  readonly hostOf: (mesh: string, mac: string) => string | undefined;
  readonly send: (host: string, packet: Buffer) => void;
}

/** A bridge for each network on this host, and a TAP device in it through which frames go to the other hosts and come from there. */
export class MeshSwitch {
  readonly #deps: MeshSwitchDeps;
  readonly #taps = new Map<string, TapDevice>();

  constructor(deps: MeshSwitchDeps) {
    this.#deps = deps;
  }

  /** What a run before this one has left: its bridges and links go on, their way to other hosts is opened anew. */
  restore(): void {
    const { state } = this.#deps;
    const links = ownLinks();
    state.endpoints = state.endpoints.filter(({ id }) => links.includes(hostLink(id)));
    const kept = new Set([
      ...state.networks.map(({ mesh }) => bridgeOf(mesh)),
      ...state.endpoints.map(({ id }) => hostLink(id)),
    ]);
    for (const link of links) if (!kept.has(link) && ownLinks().includes(link)) ip('link', 'del', link);
    state.save();
    for (const network of state.networks) this.open(network);
  }

  open({ mesh, gateway }: Network): void {
    const bridge = bridgeOf(mesh);
    const tap = tapOf(mesh);
    if (!ownLinks().includes(bridge)) ip('link', 'add', bridge, 'mtu', String(MTU), 'type', 'bridge');
    ip('addr', 'replace', gateway, 'dev', bridge);
    const number = numberOf(mesh);
    this.#taps.set(number.toString('hex'), new TapDevice(tap, frame => this.#leave(mesh, number, frame)));
    ip('link', 'set', tap, 'mtu', String(MTU), 'master', bridge, 'up');
    ip('link', 'set', bridge, 'up');
  }

  close(mesh: string): void {
    this.#taps.delete(numberOf(mesh).toString('hex'));
    for (const link of [tapOf(mesh), bridgeOf(mesh)]) if (ownLinks().includes(link)) ip('link', 'del', link);
  }

  /** @returns the end that the engine puts into the container */
  plug(endpoint: Endpoint): string {
    const near = hostLink(endpoint.id);
    const far = `${near}c`;
    const mtu = String(MTU);
    ip('link', 'add', near, 'mtu', mtu, 'type', 'veth', 'peer', 'name', far, 'mtu', mtu);
    ip('link', 'set', near, 'master', bridgeOf(endpoint.mesh), 'up');
    return far;
  }

  unplug(id: string): void {
    if (ownLinks().includes(hostLink(id))) ip('link', 'del', hostLink(id));
  }

  /** A frame from another host. It goes to stations of this one only: every host sends to all others itself. */
  enter(packet: Buffer): void {
    const tap = this.#taps.get(packet.subarray(0, NETWORK_BYTES).toString('hex'));
    tap?.write(packet.subarray(NETWORK_BYTES));
  }

  #leave(mesh: string, number: Buffer, frame: Buffer): void {
    const isForMany = ((frame[0] ?? 0) & 1) === 1;
    const mac = frame
      .subarray(0, 6)
      .toString('hex')
      .replaceAll(/..(?!$)/g, '$&:');
    const host = isForMany ? undefined : this.#deps.hostOf(mesh, mac);
    const packet = Buffer.concat([number, frame]);
    for (const each of host === undefined ? this.#deps.hosts() : [host]) this.#deps.send(each, packet);
  }
}

function numberOf(mesh: string): Buffer {
  return createHash('sha256').update(mesh).digest().subarray(0, NETWORK_BYTES);
}

function bridgeOf(mesh: string): string {
  return `mb-${numberOf(mesh).toString('hex')}`;
}

function tapOf(mesh: string): string {
  return `mt-${numberOf(mesh).toString('hex')}`;
}

function hostLink(endpoint: string): string {
  return `mv-${endpoint.slice(0, 8)}`;
}

/** Of the name space that the calling thread is in, not of the one that `/sys` was mounted in. */
function ownLinks(): string[] {
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n');
  return lines.map(line => line.split(':')[0]?.trim() ?? '').filter(name => LINK.test(name));
}

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}
