import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Json, numberAt, textAt } from '#client/json';
import type { Curve } from './network-curves.ts';
import { NETWORK_IMAGE } from './network-fixture.ts';
import { summarize } from './statistics.ts';
import { processorTime, type Target } from './target.ts';

const run = promisify(execFile);

const STEPS = [1, 10, 100, 500, 1_000];
/** Engines with a process of 20 MB for each container could not hold a thousand of them. */
const NETWORKS_PER_CONTAINER = 20;
const ROUNDS = 5;
const DNS_SECONDS = 1;
const WEB_PORT = 8080;
const ANSWER_LIMIT_MS = 20_000;
/** Then a client tries again: the first packets of some engines’ ports get lost. */
const TRY_LIMIT_MS = 250;
/** It ends at once when it is told to, unlike one that ignores signals as the first process of its name space. */
const SLEEP = ['busybox', 'sleep', '100000'];

/** What is measured at each step, in this order. */
const PARTS = {
  'network create': 'ms',
  'network ls': 'ms',
  'network inspect of one': 'ms',
  'connect a running container': 'ms',
  'disconnect it': 'ms',
  'DNS, answers': '/s',
  'DNS, answers per second of the engine’s processor time': '/s',
  'DNS, 99 % answered within': 'ms',
  'start with one published port': 'ms',
  'first answer from that port': 'ms',
} as const;
type Part = keyof typeof PARTS;
type Sample = Readonly<Partial<Record<Part, number>>>;

/**
 * More and more networks with an endpoint on each; at some numbers of them what one more costs, and how fast names and
 * ports answer. All engines by turns.
 */
export async function networkCurves(targets: readonly Target[], most: number): Promise<Curve[]> {
  process.stderr.write('networks …\n');
  const growths = targets.map(on => new Growth(on));
  try {
    for (const step of [...STEPS.filter(each => each < most), most]) {
      for (const growth of growths) await growth.attempt(step, () => growth.growTo(step));
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const growth of growths) await growth.attempt(step, () => growth.sample(step));
      }
    }
  } finally {
    for (const growth of growths) await growth.undo();
  }
  return (Object.keys(PARTS) as Part[])
    .map(part => ({
      name: `${part}, by how many networks and endpoints there are`,
      unit: PARTS[part],
      engines: new Map(growths.map(({ on, samples }) => [on.name, medians(samples, part)])),
    }))
    .filter(({ engines }) => [...engines.values()].some(points => points.size > 0));
}

function medians(steps: ReadonlyMap<number, readonly Sample[]>, part: Part): Map<number, number> {
  return new Map(
    [...steps].flatMap(([step, samples]) => {
      const values = samples.map(sample => sample[part]).filter(value => value !== undefined);
      return values.length > 0 ? [[step, summarize(values).median] as const] : [];
    }),
  );
}

/** What `names-load.ts` prints. */
interface Load {
  readonly answers: number;
  readonly perSecond: number;
  readonly p99: number;
  readonly failures: number;
}

/** One engine, and what was made on it. */
class Growth {
  readonly on: Target;
  /** number of networks → what was measured then */
  readonly samples = new Map<number, Sample[]>();
  readonly #prefix: string;
  readonly #containers = new Set<string>();
  readonly #networks = new Set<string>();
  #count = 0;
  #hasFailed = false;

  constructor(on: Target) {
    this.on = on;
    this.#prefix = `quai-bench-${on.name}`;
  }

  async growTo(count: number): Promise<void> {
    while (this.#count < count) {
      const network = `${this.#prefix}-${this.#count + 1}`;
      await this.#createNetwork(network);
      const holder = `${this.#prefix}-holder${Math.floor(this.#count / NETWORKS_PER_CONTAINER)}`;
      if (this.#containers.has(holder)) await this.#connect(holder, network);
      else await this.#start(holder, { network });
      this.#count += 1;
      if (this.#count === 1) await this.#start(this.#asker, { network });
    }
  }

  async sample(step: number): Promise<void> {
    const sample = {
      ...(await this.#networkTimes()),
      ...(await this.#names()),
      ...(await this.#published()),
    };
    this.samples.set(step, [...(this.samples.get(step) ?? []), sample]);
  }

  /** An engine that failed stays where it is. */
  async attempt(step: number, work: () => Promise<void>): Promise<void> {
    if (this.#hasFailed) return;
    try {
      await work();
    } catch (error) {
      this.#hasFailed = true;
      const message = error instanceof Error ? error.message : String(error);
      process.stderr.write(`  ${this.on.name} at ${step}: ${message}\n`);
    }
  }

  async undo(): Promise<void> {
    for (const name of this.#containers) await this.#remove(name).catch(() => undefined);
    for (const name of this.#networks) {
      await this.on.client.text('DELETE', `/networks/${name}`).catch(() => undefined);
    }
  }

  /** On the first network, with the first of the others. */
  get #asker(): string {
    return `${this.#prefix}-asker`;
  }

  async #networkTimes(): Promise<Sample> {
    const { client } = this.on;
    const network = `${this.#prefix}-more`;
    const body = { Container: this.#asker, Force: true };
    const create = await timeOf(() => this.#createNetwork(network));
    const list = await timeOf(() => client.text('GET', '/networks'));
    const one = await timeOf(() => client.text('GET', `/networks/${this.#prefix}-1`));
    const connect = await timeOf(() => this.#connect(this.#asker, network));
    const disconnect = await timeOf(() => client.text('POST', `/networks/${network}/disconnect`, { body }));
    await client.text('DELETE', `/networks/${network}`);
    this.#networks.delete(network);
    return {
      'network create': create,
      'network ls': list,
      'network inspect of one': one,
      'connect a running container': connect,
      'disconnect it': disconnect,
    };
  }

  /** Asked from inside, of the server that the container's own file names. */
  async #names(): Promise<Sample> {
    const pid = numberAt(await this.#inspect(this.#asker), 'State', 'Pid');
    const resolvConf = readFileSync(`/proc/${pid}/root/etc/resolv.conf`, 'utf8');
    const server = /^nameserver\s+([\d.]+)$/m.exec(resolvConf)?.[1] ?? '';
    const before = processorTime(this.on.pids);
    const client = new URL('./names-load.ts', import.meta.url).pathname;
    const { stdout } = await run(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      client,
      `${this.#prefix}-holder0`,
      String(DNS_SECONDS),
      '16',
      server,
      `/proc/${pid}/ns/net`,
    ]);
    // Printed by our own program.
    const { answers, perSecond, p99, failures } = JSON.parse(stdout) as Load;
    const worked = processorTime(this.on.pids) - before;
    if (failures > 0) throw new Error(`${failures} questions were answered without the address`);
    return {
      'DNS, answers': perSecond,
      ...(worked > 0 && { 'DNS, answers per second of the engine’s processor time': answers / worked }),
      'DNS, 99 % answered within': p99,
    };
  }

  async #published(): Promise<Sample> {
    const name = `${this.#prefix}-web`;
    const port = `${WEB_PORT}/tcp`;
    const httpd = ['busybox', 'httpd', '-f', '-p', String(WEB_PORT), '-h', '/www'];
    await this.#create(name, {
      Entrypoint: httpd,
      ExposedPorts: { [port]: {} },
      HostConfig: { PortBindings: { [port]: [{ HostPort: '' }] } },
    });
    try {
      const start = await timeOf(() => this.on.client.text('POST', `/containers/${name}/start`));
      const begun = performance.now();
      const bound = (await this.#inspect(name)) as { NetworkSettings?: { Ports?: Record<string, Json> } };
      const [first] = (bound.NetworkSettings?.Ports?.[port] ?? []) as readonly Json[];
      await answers(Number(textAt(first, 'HostPort')));
      return {
        'start with one published port': start,
        'first answer from that port': performance.now() - begun,
      };
    } finally {
      await this.#remove(name);
    }
  }

  async #createNetwork(name: string): Promise<void> {
    await this.on.client.call('POST', '/networks/create', { body: { Name: name } });
    this.#networks.add(name);
  }

  async #connect(container: string, network: string): Promise<void> {
    // Text, as engines differ in what they say when it is done.
    await this.on.client.text('POST', `/networks/${network}/connect`, { body: { Container: container } });
  }

  async #start(name: string, { network }: { readonly network: string }): Promise<void> {
    await this.#create(name, { Entrypoint: SLEEP, HostConfig: { NetworkMode: network } });
    await this.on.client.text('POST', `/containers/${name}/start`);
  }

  async #create(name: string, settings: object): Promise<void> {
    const body = { Image: NETWORK_IMAGE, Cmd: [], ...settings };
    await this.on.client.call('POST', '/containers/create', { query: { name }, body });
    this.#containers.add(name);
  }

  async #inspect(name: string): Promise<Json> {
    return this.on.client.call('GET', `/containers/${name}/json`);
  }

  async #remove(name: string): Promise<void> {
    await this.on.client.text('DELETE', `/containers/${name}`, { query: { force: true, v: true } });
    this.#containers.delete(name);
  }
}

/** Resolves with the first answer of the server behind the port; a proxy may accept before there is one. */
async function answers(port: number): Promise<void> {
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
  for (;;) {
    limit.throwIfAborted();
    try {
      const response = await fetch(`http://127.0.0.1:${port}/index.html`, {
        headers: { Connection: 'close' },
        signal: AbortSignal.timeout(TRY_LIMIT_MS),
      });
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      // not there yet
    }
    await pause(1);
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
