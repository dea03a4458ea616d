import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import * as v from 'valibot';
import { MESH_PORT, type MeshSettings } from './mesh-settings.ts';
import { type Hello, Identity, SEALED, type Session } from './session.ts';

const HELLO = 0;
const PLAIN = 2;
const TICK_MS = 200;
const SILENCE_MS = 1_500;
const PEERS_MAX = 64;

const HelloSchema = v.object({ epoch: v.string(), key: v.string(), echo: v.string(), proof: v.string() });

interface Peer {
  readonly address: string;
  epoch: string;
  session: Session | undefined;
  /** a run of it that has not shown yet that it holds the keys: perhaps an old greeting that somebody sent again */
  candidate: Session | undefined;
  heardAt: number;
}

export interface MeshTransportEvents {
  readonly onMessage: (address: string, message: Buffer) => void;
  /** a run of another driver can be talked to */
  readonly onPeer: (address: string) => void;
  readonly onTick: () => void;
}

/** Packets between the drivers of all hosts, over UDP. Knows who is there; encrypts when there is a secret. */
export class MeshTransport implements Disposable {
  /** packets that were not let in, by the reason */
  readonly refused: Record<string, number> = {};
  readonly #settings: MeshSettings;
  readonly #events: MeshTransportEvents;
  readonly #identity: Identity;
  readonly #peers = new Map<string, Peer>();
  readonly #socket: Socket = createSocket('udp4');
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: MeshSettings, events: MeshTransportEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#identity = new Identity(settings.secret);
    this.#socket.on('message', (packet, { address }) => this.#receive(packet, address));
    this.#socket.on('error', () => undefined); // a host that is away
  }

  async open(): Promise<void> {
    this.#socket.bind(MESH_PORT, this.#settings.address);
    await once(this.#socket, 'listening');
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  /** Another host that somebody told us about. */
  learn(address: string): void {
    if (address === '' || address === this.#settings.address || this.#peers.has(address)) return;
    if (this.#peers.size >= PEERS_MAX) return;
    const peer = { address, epoch: '', session: undefined, candidate: undefined, heardAt: 0 };
    this.#peers.set(address, peer);
    this.#greet(peer);
  }

  known(): string[] {
    return [...this.#peers.keys()];
  }

  /** Hosts that were heard of lately. */
  alive(): string[] {
    return this.known().filter(address => this.#isAlive(address));
  }

  send(address: string, message: Buffer): void {
    const peer = this.#peers.get(address);
    if (!peer) return;
    if (this.#settings.secret === '') {
      if (peer.epoch !== '') this.#put(address, Buffer.concat([Buffer.of(PLAIN), message]));
    } else if (peer.session) {
      this.#put(address, peer.session.seal(message));
    }
  }

  #isAlive(address: string): boolean {
    return Date.now() - (this.#peers.get(address)?.heardAt ?? 0) < SILENCE_MS;
  }

  #tick(): void {
    for (const peer of this.#peers.values()) if (!this.#isAlive(peer.address)) this.#greet(peer);
    this.#events.onTick();
  }

  #greet(peer: Peer): void {
    const hello = this.#identity.hello(peer.epoch);
    this.#put(peer.address, Buffer.concat([Buffer.of(HELLO), Buffer.from(JSON.stringify(hello))]));
  }

  #receive(packet: Buffer, address: string): void {
    if (packet[0] === HELLO) return this.#hear(packet.subarray(1), address);
    const peer = this.#peers.get(address);
    if (!peer) return this.#refuse('stranger');
    const isPlain = this.#settings.secret === '';
    if (packet[0] === PLAIN && isPlain) return this.#deliver(peer, packet.subarray(1));
    if (packet[0] !== SEALED || isPlain) return this.#refuse('in clear text');
    for (const session of [peer.session, peer.candidate]) {
      const opened = session?.open(packet) ?? { refused: 'not of this session' };
      if ('message' in opened) {
        if (session !== peer.session) this.#promote(peer);
        return this.#deliver(peer, opened.message);
      }
      if (opened.refused !== 'not of this session') return this.#refuse(opened.refused);
    }
    this.#refuse('not of this session');
  }

  #deliver(peer: Peer, message: Buffer): void {
    peer.heardAt = Date.now();
    if (message.length > 0) this.#events.onMessage(peer.address, message);
  }

  #promote(peer: Peer): void {
    peer.session = peer.candidate;
    peer.candidate = undefined;
    this.#events.onPeer(peer.address);
  }

  #hear(packet: Buffer, address: string): void {
    const hello = parseHello(packet);
    if (!hello || !this.#identity.trusts(hello)) return this.#refuse('without the secret');
    this.learn(address);
    const peer = this.#peers.get(address);
    if (!peer || hello.epoch === this.#identity.epoch) return;
    const isNews = peer.epoch !== hello.epoch;
    peer.epoch = hello.epoch;
    if (hello.echo !== this.#identity.epoch) this.#greet(peer);
    if (this.#settings.secret === '') {
      peer.heardAt = Date.now();
      if (isNews) this.#events.onPeer(address);
    } else {
      if (![peer.session?.theirs, peer.candidate?.theirs].includes(hello.epoch)) {
        peer.candidate = this.#identity.sessionWith(hello);
      }
      // Shows that we hold the keys, also to whom does not know it yet.
      const session = peer.candidate ?? peer.session;
      if (session) this.#put(address, session.seal(Buffer.alloc(0)));
    }
  }

  #refuse(reason: string): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
  }

  #put(address: string, packet: Buffer): void {
    this.#socket.send(packet, MESH_PORT, address, () => undefined);
  }
}

function parseHello(packet: Buffer): Hello | undefined {
  try {
    return v.parse(HelloSchema, JSON.parse(packet.toString('utf8')));
  } catch {
    return undefined;
  }
}
