import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { EngineEvent } from '#base/engine-event';
import { newId } from '#base/ids';
import { type LogFields, silentLogger } from '#base/logger';
import type { Endpoint, EndpointRequest, PortRequest } from '#network/network';
import { networkMigrations } from '#network/network-migrations';
import { NetworkService, type NetworkServiceDeps } from '#network/network-service';
import type { PublishingPolicy } from '#network/publishing-policy';
import { Plugins } from '#plugin/plugins';
import { Database } from '#store/database';
import { createNetns, leaveForNewNetns, removeNetns } from '#sys/netns';
import { PATIENCE_MS } from '../../support/until.ts';
import type { Order, Reply } from './netns-worker.ts';
import type { DnsQuestion } from './resolve.ts';
import type { Protocol, Question } from './talk.ts';

/** Own names, so that engines and tests beside us are left alone. */
const INSTANCE = { key: 'nt', bridgeName: 'qnt0' };
export const TABLE = 'quai_nt';
export const BRIDGE = INSTANCE.bridgeName;

/** Why these tests cannot run here; undefined when they can. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for network name spaces';
  return undefined;
}

/** This process becomes a host of its own: what follows does not touch the machine's network. */
export function becomeHost(): void {
  leaveForNewNetns();
  sh('ip link set lo up');
}

export function sh(command: string): string {
  return execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Something in another network name space that serves and asks. */
export class Station implements AsyncDisposable {
  readonly path: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();
  readonly #loaded: Promise<void>;
  #orders = 0;

  constructor(path: string) {
    this.path = path;
    this.#worker = new Worker(new URL('./netns-worker.ts', import.meta.url), { workerData: { path } });
    const loaded = Promise.withResolvers<void>();
    this.#loaded = loaded.promise;
    this.#worker.once('message', () => loaded.resolve());
    this.#worker.once('exit', () => loaded.resolve());
    this.#worker.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      if (reply.error === undefined) waiting?.resolve(reply.text);
      else waiting?.reject(new Error(reply.error));
    });
  }

  async serve(name: string, port: number, protocol: Protocol = 'tcp'): Promise<void> {
    await this.#order({ id: (this.#orders += 1), kind: 'serve', name, port, protocol });
  }

  async ask(address: string, port: number, options: Partial<Question> = {}): Promise<string> {
    const question: Question = { protocol: 'tcp', ...options, address, port };
    return this.#order({ id: (this.#orders += 1), kind: 'ask', question });
  }

  /** Asks DNS: answers in the order they came, or the code of the error. */
  async resolve(name: string, query: Partial<DnsQuestion> = {}): Promise<string[]> {
    const question: DnsQuestion = { type: 'A', server: '127.0.0.11', ...query, name };
    const text = await this.#order({ id: (this.#orders += 1), kind: 'resolve', query: question });
    return text.split(' ').filter(Boolean);
  }

  /** Sends packets to 127.0.0.11:53. @returns how many answers came */
  async sendDatagrams(packets: readonly Uint8Array[]): Promise<number> {
    return Number(await this.#order({ id: (this.#orders += 1), kind: 'datagrams', packets }));
  }

  /** Runs a program there. */
  run(command: string): string {
    return execFileSync('nsenter', [`--net=${this.path}`, 'sh', '-c', command], { encoding: 'utf8' });
  }

  /** A thread that ends while it loads a native module takes the process with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loaded;
    await this.#worker.terminate();
  }

  async #order(order: Order): Promise<string> {
    const waiting = Promise.withResolvers<string>();
    this.#waiting.set(order.id, waiting);
    this.#worker.postMessage(order);
    return waiting.promise;
  }
}

export interface TestContainer {
  readonly id: string;
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly ip: string;
  readonly station: Station;
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A network service on a database of its own, with stand-ins for containers. Disposing it fails if anything is left. */
export class NetworkFixture implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'quai-network-'));
  readonly events: Omit<EngineEvent, 'timeNanos'>[] = [];
  readonly logs: LogLine[] = [];
  readonly names = new Map<string, string>();
  readonly stations: Station[] = [];
  readonly #extraNetns: string[] = [];
  /** folders where this engine looks for plugins */
  readonly pluginPlaces = { sockets: [`${this.folder}/plugins`], specs: [`${this.folder}/specs`] };
  readonly #publishing: PublishingPolicy | undefined;
  #db: Database;
  service: NetworkService;

  readonly #more: Partial<NetworkServiceDeps>;

  private constructor(publishing: PublishingPolicy | undefined, more: Partial<NetworkServiceDeps>) {
    this.#publishing = publishing;
    this.#more = more;
    this.#db = this.#openDatabase();
    this.service = this.#openService();
  }

  /** @param more what the engine is told of names and addresses */
  static async open(
    publishing?: PublishingPolicy,
    more: Partial<NetworkServiceDeps> = {},
  ): Promise<NetworkFixture> {
    const fixture = new NetworkFixture(publishing, more);
    await fixture.service.restore(new Set());
    return fixture;
  }

  /** As after `kill -9`: sockets and timers of the old service are gone with its process, so they are not used again. */
  async crashAndRestore(running: ReadonlySet<string>): Promise<void> {
    this.service.abandon();
    this.#db[Symbol.dispose]();
    this.#db = this.#openDatabase();
    this.service = this.#openService();
    await this.service.restore(running);
  }

  async run(
    name: string,
    options: {
      readonly ports?: readonly PortRequest[];
      readonly networks?: readonly Partial<EndpointRequest>[];
    } = {},
  ): Promise<TestContainer> {
    const id = newId();
    this.names.set(id, name);
    const owner = { containerId: id, containerName: name, hostname: name };
    const path = this.service.createSandbox(owner);
    const requests = (options.networks ?? [{}]).map(request);
    const endpoints = await this.service.attach(owner, requests, options.ports ?? []);
    const station = new Station(path);
    this.stations.push(station);
    return { id, name, endpoints, ip: endpoints[0]?.ipv4?.address ?? '', station };
  }

  /** Its process ends, then the engine notices. */
  async stop(container: TestContainer): Promise<void> {
    await container.station[Symbol.asyncDispose]();
    this.service.release(container.id);
  }

  /** A machine next door on a network of its own: we are `<prefix>.1`, it is `<prefix>.2`. */
  neighbour(prefix: string, suffix = ''): Station {
    const path = join(this.folder, `neighbour-${prefix}${suffix}`);
    const link = `up${prefix.replaceAll('.', '')}`;
    createNetns(path);
    this.#extraNetns.push(path);
    const station = new Station(path);
    this.stations.push(station);
    station.run('ip link set lo up');
    // Made in place: the host may have an eth0 of its own.
    const inside = station.run('sleep 20 >/dev/null 2>&1 & echo $!').trim();
    sh(
      `ip link add ${link} type veth peer name eth0 netns ${inside} && ip addr add ${prefix}.1/24 dev ${link} && ip link set ${link} up`,
    );
    sh(`kill ${inside}`);
    station.run(
      `ip addr add ${prefix}.2/24 dev eth0 && ip link set eth0 up && ip route add default via ${prefix}.1`,
    );
    return station;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.stations.map(station => station[Symbol.asyncDispose]()));
    for (const endpoint of this.service.list().flatMap(network => this.service.endpointsOn(network.id))) {
      this.service.release(endpoint.containerId);
    }
    for (const [id] of this.names) this.service.release(id);
    await this.service.shutdown();
    this.#db[Symbol.dispose]();
    for (const path of this.#extraNetns) removeNetns(path);
    await assertNothingLeft(this.folder);
    rmSync(this.folder, { recursive: true });
  }

  #openDatabase(): Database {
    const db = new Database(join(this.folder, 'state.db'));
    db.migrate(networkMigrations, { debug: noop, info: noop, warn: noop, error: noop });
    return db;
  }

  #openService(): NetworkService {
    const log =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void this.logs.push({ level, message, fields });
    return new NetworkService({
      db: this.#db,
      runDir: this.folder,
      instance: INSTANCE,
      plugins: new Plugins({ logger: silentLogger, places: this.pluginPlaces }),
      pluginTimeoutMs: PATIENCE_MS,
      ...this.#more,
      ...(this.#publishing && { publishing: this.#publishing }),
      events: { emit: event => void this.events.push(event) },
      logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      resolveContainerName: id => this.names.get(id),
    });
  }
}

export function request(partial: Partial<EndpointRequest>): EndpointRequest {
  return { network: 'bridge', aliases: [], links: [], driverOptions: {}, gatewayPriority: 0, ...partial };
}

export function port(
  containerPort: number,
  hostPort: number,
  partial: Partial<PortRequest> = {},
): PortRequest {
  return {
    protocol: 'tcp',
    containerPort,
    hostIp: '',
    hostPortFirst: hostPort,
    hostPortLast: hostPort,
    ...partial,
  };
}

export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string,
  limitMs = PATIENCE_MS,
): Promise<number> {
  const begun = performance.now();
  while (!(await holds())) {
    if (performance.now() - begun > limitMs) assert.fail(`still not so after ${limitMs} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  return performance.now() - begun;
}

/** Links, rules, mounts and name spaces of ours; name spaces take the kernel a moment. */
async function assertNothingLeft(folder: string): Promise<void> {
  await eventually(() => leftovers(folder).length === 0, 'everything is gone').catch(() => undefined);
  assert.deepEqual(leftovers(folder), []);
}

export function leftovers(folder: string): string[] {
  const links = sh('ip -o link')
    .split('\n')
    .filter(line => /qnt|br-|d[mp]-/.test(line));
  const tables = sh('nft list tables')
    .split('\n')
    .filter(line => line.includes(TABLE));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => line.includes(folder));
  const netns = join(folder, 'netns');
  const files = existsSync(netns) ? readdirSync(netns) : [];
  return [...links, ...tables, ...mounts, ...files];
}

function noop(): void {}
