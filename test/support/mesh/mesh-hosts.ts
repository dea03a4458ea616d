import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createNetns, inNetns, removeNetns } from '#sys/netns';
import { startBusyboxDaemon } from '../busybox-daemon.ts';
import type { TestDaemon } from '../daemon.ts';
import { settle } from '../leak-check.ts';
import { until } from '../until.ts';

const DRIVER = fileURLToPath(new URL('./mesh-driver.ts', import.meta.url));
/** as Node cannot wait for such devices but in its pool */
const THREADS = '16';
/** name of the driver, for `docker network create -d` */
export const MESH_DRIVER = 'weft';

/** Why tests with such hosts cannot run here. */
export const meshMissing: string | false = existsSync('/dev/net/tun') ? false : 'needs /dev/net/tun';

export interface MeshStatus {
  /** addresses of other hosts */
  readonly Alive: readonly string[];
  readonly Refused: Readonly<Record<string, number>>;
  readonly Pools: readonly { readonly subnet: string; readonly used: readonly number[] }[];
}

/**
 * For tests: several hosts, each with a network of its own (a name space), an engine and a driver, that see each other over a public link
 * only. Dispose it with `await using`.
 */
export class MeshHosts implements AsyncDisposable {
  readonly hosts: readonly MeshHost[];
  /** name space of the public link, in which `p-HOST` leads to a host */
  readonly internet: string;
  readonly #folder: string;

  private constructor(folder: string, internet: string, hosts: readonly MeshHost[]) {
    this.#folder = folder;
    this.internet = internet;
    this.hosts = hosts;
  }

  static async start(names: readonly string[], secret = ''): Promise<MeshHosts> {
    const folder = mkdtempSync(join(tmpdir(), 'quai-mesh-'));
    const internet = join(folder, 'internet');
    createNetns(internet);
    run(internet, 'ip link add wires type bridge && ip link set wires up');
    const hosts = names.map((name, index) => {
      const address = `192.0.2.${index + 1}`;
      const netns = join(folder, `${name}.netns`);
      createNetns(netns);
      run(internet, `ip link add p-${name} type veth peer name public netns ${netns}`);
      run(internet, `ip link set p-${name} master wires up`);
      run(netns, `ip link set lo up; ip addr add ${address}/24 dev public; ip link set public up`);
      return new MeshHost({ name, address, netns, folder: join(folder, name) });
    });
    const mesh = new MeshHosts(folder, internet, hosts);
    try {
      // Every host but the first knows that one, and nothing else.
      for (const host of hosts) await host.begin({ secret, seed: host === hosts[0] ? '' : '192.0.2.1' });
      return mesh;
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const host of this.hosts)
      await host[Symbol.asyncDispose]().catch(error => void failures.push(error));
    for (const { netns } of this.hosts) removeNetns(netns);
    removeNetns(this.internet);
    rmSync(this.#folder, { recursive: true, force: true });
    if (failures.length > 0) throw new AggregateError(failures, String(failures[0]));
  }
}

export class MeshHost implements AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly netns: string;
  readonly #folder: string;
  readonly #socket: string;
  readonly #specs: readonly (readonly [file: string, content: string])[];
  #seed = '';
  #daemon: TestDaemon | undefined;
  #driver: ChildProcess | undefined;

  constructor(of: {
    readonly name: string;
    readonly address: string;
    readonly netns: string;
    readonly folder: string;
  }) {
    this.name = of.name;
    this.address = of.address;
    this.netns = of.netns;
    this.#folder = of.folder;
    // Docker's ways to say where a plugin is: a socket in a folder, a file with its address, one with JSON.
    const specs: Readonly<Record<string, [string, (socket: string) => string]>> = {
      b: [`${MESH_DRIVER}.spec`, socket => `unix://${socket}`],
      c: [`${MESH_DRIVER}.json`, socket => JSON.stringify({ Addr: `unix://${socket}` })],
    };
    const spec = specs[of.name];
    this.#socket = join(of.folder, spec ? 'elsewhere' : 'plugins', `${MESH_DRIVER}.sock`);
    this.#specs = spec ? [[spec[0], spec[1](this.#socket)]] : [];
  }

  get daemon(): TestDaemon {
    if (!this.#daemon) throw new Error(`host ${this.name} has no engine yet`);
    return this.#daemon;
  }

  /** The engine first, whose socket the driver is told; it looks for its plugins when it needs one. */
  async begin({ secret, seed }: { readonly secret: string; readonly seed: string }): Promise<void> {
    const [sockets, specs] = ['plugins', 'specs'].map(each => join(this.#folder, each));
    mkdirSync(dirname(this.#socket), { recursive: true });
    mkdirSync(specs ?? '');
    for (const [file, content] of this.#specs) writeFileSync(join(specs ?? '', file), content);
    const config = { 'plugin-sockets': [sockets], 'plugin-specs': [specs] };
    this.#daemon = await startBusyboxDaemon({ config, netns: this.netns });
    this.#seed = seed;
    await this.startDriver(secret);
  }

  async startDriver(secret: string): Promise<void> {
    const settings = {
      address: this.address,
      seed: this.#seed,
      secret,
      socket: this.#socket,
      engine: this.daemon.socketPath,
      state: join(this.#folder, 'state.json'),
    };
    writeFileSync(join(this.#folder, 'settings.json'), JSON.stringify(settings));
    const log = openSync(join(this.#folder, 'driver.log'), 'a');
    this.#driver = inNetns(this.netns, () =>
      spawn(process.execPath, [DRIVER, join(this.#folder, 'settings.json')], {
        stdio: ['pipe', log, log], // it ends with us
        env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
      }),
    );
    closeSync(log);
    await until('the driver answers', async () => {
      if (this.#driver?.exitCode !== null) throw new Error(`the driver ended: ${this.driverLog}`);
      return (await this.status().catch(() => undefined)) !== undefined;
    });
  }

  async killDriver(): Promise<void> {
    const driver = this.#driver;
    if (!driver || driver.exitCode !== null || driver.signalCode !== null) return;
    const gone = once(driver, 'exit');
    driver.kill('SIGKILL');
    await gone;
  }

  get driverLog(): string {
    return readFileSync(join(this.#folder, 'driver.log'), 'utf8');
  }

  /** What the driver says of itself. */
  async status(): Promise<MeshStatus> {
    const { promise, resolve, reject } = Promise.withResolvers<MeshStatus>();
    const asked = request({ socketPath: this.#socket, path: '/Mesh.Status', method: 'POST' }, response => {
      json(response).then(status => resolve(status as MeshStatus), reject); // our own driver's
    });
    asked.on('error', reject);
    asked.end();
    return promise;
  }

  docker(...words: readonly string[]): Promise<string> {
    return this.daemon.ok('docker', words);
  }

  refused(...words: readonly string[]): Promise<string> {
    return this.daemon.refused('docker', words);
  }

  /** Runs a shell command in the host's network. */
  sh(command: string): string {
    return run(this.netns, command);
  }

  /** What of a driver or an engine is in the host's network: everything but the host's own links. */
  leftovers(): string[] {
    const links = this.sh('ip -o link')
      .split('\n')
      .filter(line => line !== '' && !/^\d+: (lo|public@\w+):/.test(line));
    return [...links, ...this.sh('nft list tables').split('\n').filter(Boolean)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#daemon?.[Symbol.asyncDispose]();
    } finally {
      await this.killDriver();
    }
    const left = await settle(() => this.leftovers());
    if (left.length > 0) throw new Error(`left on host ${this.name}:\n${left.join('\n')}`);
  }
}

function run(netns: string, command: string): string {
  return inNetns(netns, () =>
    execFileSync('sh', ['-ec', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  );
}
