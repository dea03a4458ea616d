import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { leaveForNewNetns } from '#sys/netns';
import { IPERF_PORT, nginxConf, PAGE_BYTES, WEB_PORT } from './network-fixture.ts';
import { iperf, wrk } from './network-load.ts';
import { commandWithin, HOST_ADDRESS, type Host, ourHost, plainHost } from './plain-host.ts';
import { summarize } from './statistics.ts';

/**
 * What our published ports give of what the kernel's bare rewriting gives: two hosts, each a network name space, with the
 * same servers, asked by turns. As root, with iperf3, wrk and nginx: `npm run bench:plain -- [--rounds N] [--seconds N]
 * [--rows WORD] [--twice]`; with `--twice` both hosts are plain, which shows what the machine adds by itself.
 */

const LOOPBACK = '127.0.0.1';
const PUBLISHED = [
  { hostPort: 15_201, serverPort: IPERF_PORT },
  { hostPort: 18_080, serverPort: WEB_PORT },
] as const;
const NANOSECONDS_PER_TICK = 1e7;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rows: { type: 'string' },
    twice: { type: 'boolean' },
  },
});
const rounds = Number(values.rounds ?? 9);
const seconds = Number(values.seconds ?? 1);

leaveForNewNetns();
await using resources = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'quai-bench-'));
resources.defer(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'index.html'), Buffer.alloc(PAGE_BYTES, 'x'));
writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, folder));
const ours = await open(values.twice ? plainHost : ourHost);
const plain = await open(plainHost);

print(`${''.padEnd(66)}    ours   plain  ours : plain  (from, to)  per processor second`);
for (const row of rows()) if (row.name.includes(values.rows ?? '')) await compare(row);

interface Stage {
  readonly host: Host;
  readonly iperf: ChildProcess;
  readonly web: ChildProcess;
}

interface Row {
  readonly name: string;
  readonly server: 'iperf' | 'web';
  /** where the program that asks runs; undefined: where this process does */
  readonly from: (host: Host) => string | undefined;
  readonly load: (host: Host, prefix: readonly string[]) => Promise<number>;
}

interface Measured {
  readonly rate: number;
  /** the same, per second that the processors worked for it on both sides */
  readonly perCpuSecond: number;
}

async function open(make: typeof ourHost): Promise<Stage> {
  const host = resources.use(await make(PUBLISHED));
  return {
    host,
    iperf: await serve(host.server, IPERF_PORT, ['iperf3', '-s']),
    web: await serve(host.server, WEB_PORT, ['nginx', '-c', join(folder, 'nginx.conf')]),
  };
}

function rows(): Row[] {
  const [{ hostPort: iperfPort }, { hostPort: webPort }] = PUBLISHED;
  const paths = [
    { way: 'a neighbour to the host’s address', from: (host: Host) => host.neighbour, address: HOST_ADDRESS },
    { way: 'the host to its own address', from: (host: Host) => host.netns, address: HOST_ADDRESS },
    { way: `the host to ${LOOPBACK}`, from: (host: Host) => host.netns, address: LOOPBACK },
  ];
  const close = { headers: ['Connection: close'] };
  return [
    {
      name: 'iperf3, the host to the server itself (Gbit/s)',
      server: 'iperf',
      from: host => host.netns,
      load: ({ serverAddress }, prefix) => iperf(serverAddress, IPERF_PORT, { seconds, prefix }),
    },
    ...paths.flatMap(({ way, from, address }): Row[] => [
      {
        name: `iperf3, ${way} (Gbit/s)`,
        server: 'iperf',
        from,
        load: (_host, prefix) => iperf(address, iperfPort, { seconds, prefix }),
      },
      {
        name: `requests, keep-alive, ${way} (1,000/s)`,
        server: 'web',
        from,
        load: async (_host, prefix) => (await wrk(address, webPort, { seconds, prefix })) / 1000,
      },
      {
        name: `requests, new connections, ${way} (1,000/s)`,
        server: 'web',
        from,
        load: async (_host, prefix) => (await wrk(address, webPort, { seconds, prefix, ...close })) / 1000,
      },
    ]),
  ];
}

/** By turns, and the other one first in each round. */
async function compare(row: Row): Promise<void> {
  const pairs: { readonly ours: Measured; readonly plain: Measured }[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const isOursFirst = round % 2 === 0;
    const one = await measure(row, isOursFirst ? ours : plain);
    const other = await measure(row, isOursFirst ? plain : ours);
    if (round < 0) continue; // warms up
    pairs.push(isOursFirst ? { ours: one, plain: other } : { ours: other, plain: one });
  }
  const rate = (who: 'ours' | 'plain'): string =>
    summarize(pairs.map(pair => pair[who].rate))
      .median.toFixed(2)
      .padStart(8);
  const share = (of: keyof Measured): number[] =>
    pairs.map(pair => (100 * pair.ours[of]) / pair.plain[of]).sort((a, b) => a - b);
  const [rates, costs] = [share('rate'), share('perCpuSecond')];
  const range = `(${rates.at(0)?.toFixed(0)}, ${rates.at(-1)?.toFixed(0)})`.padStart(12);
  const ratio = `${summarize(rates).median.toFixed(1)} %`.padStart(14);
  const cost = `${summarize(costs).median.toFixed(1)} %`.padStart(10);
  const costRange = `(${costs.at(0)?.toFixed(0)}, ${costs.at(-1)?.toFixed(0)})`;
  print(`${row.name.padEnd(66)}${rate('ours')}${rate('plain')}${ratio}${range}${cost} ${costRange}`);
}

/** What others on this machine do falls on the rate, but hardly on the processor time that a request takes. */
async function measure({ server, from, load }: Row, on: Stage): Promise<Measured> {
  const { pid } = on[server];
  const serverBefore = ranFor(pid);
  const clientBefore = childrenRanFor();
  const rate = await load(on.host, commandWithin(from(on.host)));
  const worked = ranFor(pid) - serverBefore + (childrenRanFor() - clientBefore);
  return { rate, perCpuSecond: (rate * seconds) / (worked / 1e9) };
}

/** @returns nanoseconds on a processor, of a process with one thread */
function ranFor(pid: number | undefined): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]);
}

/** @returns nanoseconds, of this process's children that have ended */
function childrenRanFor(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) * NANOSECONDS_PER_TICK; // cutime, cstime
}

async function serve(netns: string, port: number, command: readonly string[]): Promise<ChildProcess> {
  const [program = '', ...args] = commandWithin(netns, ...command);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  resources.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await listens(child, port);
  return child;
}

/** Asked of the kernel, through the process's own view: a connection would be one client too many for iperf3. */
async function listens({ pid }: ChildProcess, port: number): Promise<void> {
  const local = port.toString(16).toUpperCase().padStart(4, '0');
  const listening = new RegExp(`:${local} [0-9A-F]+:0000 0A `);
  for (let tries = 250; tries > 0; tries -= 1) {
    const sockets = ['tcp', 'tcp6'].map(file => readFileSync(`/proc/${pid}/net/${file}`, 'utf8'));
    if (listening.test(sockets.join('\n'))) return;
    await pause(20);
  }
  throw new Error(`no server came up at port ${port}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
