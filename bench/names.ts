import { execFile } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { promisify } from 'node:util';
import { newId } from '#base/ids';
import { becomeHost, NetworkFixture, request } from '../test/integration/network/network-fixture.ts';
import { summarize } from './statistics.ts';

/**
 * Names and addresses by how many networks and endpoints there are, on a network name space of its own, without
 * containers: what the engine itself takes. `sudo npm run bench:names`.
 */
const [most = 1_000, seconds = 3] = process.argv.slice(2).map(Number);
const STEPS = [1, 10, 100, 250, 500, 1_000].filter(step => step <= most);
const WINDOW = 9;
const MICROS = 1e6;
const NANOS_PER_MS = 1e6;

const run = promisify(execFile);
becomeHost();
{
  await using fixture = await NetworkFixture.open(undefined, { hasIpv6ByDefault: true });
  const { service } = fixture;
  await service.create({ name: 'crowd', hasIpv6: false, pools: [{ subnet: '10.99.0.0/16' }] });
  const times = { create: [] as number[], list: [] as number[], attach: [] as number[] };
  const sandboxes: string[] = [];
  console.log(
    'networks and endpoints | create a network | list | attach an endpoint (ms) | answers/s | per core | p50 | p99 | loop delay p99, max (ms)',
  );
  for (let count = 1; count <= most; count += 1) {
    times.create.push(await timeOf(() => service.create({ name: `n${count}` })));
    times.list.push(await timeOf(async () => service.list()));
    times.attach.push(await timeOf(async () => sandboxes.push(await attach(fixture, count))));
    if (!STEPS.includes(count)) continue;
    console.log(row(count, times, await load(sandboxes.slice(0, 1), `c${count}`)));
    console.log(row(count, times, await load(sandboxes, `c${count}`)));
  }
}

async function attach(fixture: NetworkFixture, count: number): Promise<string> {
  const id = newId();
  const name = `c${count}`;
  fixture.names.set(id, name);
  const owner = { containerId: id, containerName: name, hostname: name };
  const path = fixture.service.createSandbox(owner);
  await fixture.service.attach(owner, [request({ network: 'crowd' })], []);
  return path;
}

interface Load {
  readonly perSecond: number;
  readonly perCore: number;
  readonly p50: number;
  readonly p99: number;
  readonly loopP99: number;
  readonly loopMax: number;
}

/** Questions from a program of its own; this process is the engine, and only it is counted. */
async function load(askers: readonly string[], name: string): Promise<Load> {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const before = process.cpuUsage();
  delays.enable();
  const client = new URL('./names-load.ts', import.meta.url).pathname;
  const words = ['--disable-warning=ExperimentalWarning', client, name, String(seconds), '16', '127.0.0.11'];
  const { stdout } = await run(process.execPath, [...words, ...askers]);
  delays.disable();
  const { user, system } = process.cpuUsage(before);
  // Printed by our own program.
  const result = JSON.parse(stdout) as { answers: number; perSecond: number; p50: number; p99: number };
  const perCore = result.answers / ((user + system) / MICROS);
  return {
    ...result,
    perCore,
    loopP99: delays.percentile(99) / NANOS_PER_MS,
    loopMax: delays.max / NANOS_PER_MS,
  };
}

function row(
  count: number,
  times: Readonly<Record<'create' | 'list' | 'attach', readonly number[]>>,
  load: Load,
): string {
  const last = (list: readonly number[]): string => summarize(list.slice(-WINDOW)).median.toFixed(2);
  return [
    String(count).padStart(5),
    last(times.create),
    last(times.list),
    last(times.attach),
    Math.round(load.perSecond),
    Math.round(load.perCore),
    load.p50.toFixed(2),
    load.p99.toFixed(2),
    `${load.loopP99.toFixed(1)}, ${load.loopMax.toFixed(1)}`,
  ].join(' | ');
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
