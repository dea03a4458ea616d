import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '#base/ids';
import { leaveForNewNetns } from '#sys/netns';
import { openNetworkPart } from './network-part.ts';
import { summarize } from './statistics.ts';

/**
 * How the cost of one more network, list and container depends on how many there are: a table, and nothing judged.
 * Runs in a network name space of its own, as root: `node bench/network-scale.ts [MOST]`.
 */

const MOST = Number(process.argv[2] ?? 1_000);
const STEPS = [1, 10, 50, 100, 250, 500, 1_000, 2_000].filter(step => step <= MOST);
const ROUNDS = 9;

leaveForNewNetns();
const folder = mkdtempSync(join(tmpdir(), 'quai-bench-'));
const part = await openNetworkPart(folder);
const { service } = part;

const print = (line: string): void => void process.stdout.write(`${line}\n`);
print('networks  containers  create  list    attach+1 port  attach+32  connect  release (ms, median)');
let containers = 0;
const held: string[] = [];
for (const step of STEPS) {
  while (service.list().length < step + 3) await service.create({ name: `n${service.list().length}` });
  // One to a network: a bridge of the kernel has room for 1,023 anyway.
  for (; containers < step; containers += 1) held.push((await attach(0, 0, `n${containers + 3}`)).id);
  await report(step);
}
for (const id of held) service.release(id);
for (const { name } of service.list()) {
  if (!['bridge', 'host', 'none'].includes(name)) await service.remove(name);
}
await part[Symbol.asyncDispose]();
rmSync(folder, { recursive: true, maxRetries: 3 });

async function report(step: number): Promise<void> {
  const create = await median(async () => {
    const begun = performance.now();
    await service.create({ name: 'probe' });
    const took = performance.now() - begun;
    await service.remove('probe');
    return took;
  });
  const list = await median(() =>
    timed(() => service.list().map(({ id }) => service.endpointsOn(id).length)),
  );
  const one = await median(async () => (await attachAndRelease(1)).attach);
  const many = await median(async () => (await attachAndRelease(32)).attach);
  const connect = await median(connectOnce);
  const release = await median(async () => (await attachAndRelease(1)).release);
  const columns = [create, list, one, many, connect, release].map(each => each.toFixed(2).padStart(8));
  print(`${String(step).padEnd(10)}${String(containers).padEnd(10)}${columns.join('  ')}`);
}

async function attach(
  ports: number,
  firstPort: number,
  network = 'bridge',
): Promise<{ id: string; took: number }> {
  const id = newId();
  const owner = { containerId: id, containerName: 'c', hostname: 'c' };
  service.createSandbox(owner);
  const begun = performance.now();
  await service.attach(owner, [request(network)], published(ports, firstPort));
  return { id, took: performance.now() - begun };
}

async function attachAndRelease(ports: number): Promise<{ attach: number; release: number }> {
  const { id, took } = await attach(ports, 40_000);
  return { attach: took, release: timed(() => service.release(id)) };
}

/** A container that runs joins one more network. */
async function connectOnce(): Promise<number> {
  const { id } = await attach(1, 40_000);
  const owner = { containerId: id, containerName: 'c', hostname: 'c' };
  const begun = performance.now();
  await service.attach(owner, [request('n3')], []);
  const took = performance.now() - begun;
  service.release(id);
  return took;
}

function request(network: string) {
  return { network, aliases: [], links: [], driverOptions: {}, gatewayPriority: 0 };
}

function published(count: number, first: number) {
  return Array.from({ length: count }, (_, index) => ({
    protocol: 'tcp' as const,
    containerPort: index + 1,
    hostIp: '',
    hostPortFirst: first + index,
    hostPortLast: first + index,
  }));
}

function timed(work: () => unknown): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

async function median(measure: () => number | Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await measure());
  return summarize(times).median;
}
