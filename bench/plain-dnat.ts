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
import {
  commandWithin,
  HOST_ADDRESS,
  type Host,
  ourHost,
  type PublishedTo,
  plainHost,
} from './plain-host.ts';
import { workedBy, workedByChildren } from './processor-time.ts';
import { medianInterval, summarize } from './statistics.ts';

/**
 * What our published ports give of what the kernel's bare rewriting gives: two hosts, each a network name space, with the
 * same servers, asked by turns. As root, with iperf3, wrk and nginx: `npm run bench:plain -- [--rounds N] [--seconds N]
 * [--rows WORD] [--twice] [--proxy /usr/sbin/docker-proxy]`; with `--twice` both hosts are plain, which shows what the
 * machine adds by itself; with `--proxy` a third host has such a process for each port at 127.0.0.1.
 */

const LOOPBACK = '127.0.0.1';
const PUBLISHED = [
  { hostPort: 15_201, serverPort: IPERF_PORT },
  { hostPort: 18_080, serverPort: WEB_PORT },
] as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    rows: { type: 'string' },
    twice: { type: 'boolean' },
    proxy: { type: 'string' },
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
const others = [await open(plainHost), ...(values.proxy === undefined ? [] : [await open(proxiedHost)])];

for (const row of rows()) if (row.name.includes(values.rows ?? '')) await compare(row);

interface Stage {
  readonly host: Host;
  /** which work for a kind of load, the asking one aside */
  readonly pids: Readonly<Record<'iperf' | 'web', readonly (number | undefined)[]>>;
}

interface Row {
  readonly name: string;
  readonly server: 'iperf' | 'web';
  /** whether a proxy has a part in it */
  readonly isLocal?: true;
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
  const [iperfProxy, webProxy] = host.name === 'proxy' ? await startProxies(host) : [];
  const iperfServer = await serve(host.server, IPERF_PORT, ['iperf3', '-s']);
  const webServer = await serve(host.server, WEB_PORT, ['nginx', '-c', join(folder, 'nginx.conf')]);
  return { host, pids: { iperf: [iperfServer.pid, iperfProxy?.pid], web: [webServer.pid, webProxy?.pid] } };
}

async function proxiedHost(ports: readonly PublishedTo[]): Promise<Host> {
  return plainHost(ports, { name: 'proxy' });
}

/** As dockerd starts them: descriptor 3 is where it is told of success. */
async function startProxies({ netns, serverAddress }: Host): Promise<ChildProcess[]> {
  return Promise.all(
    PUBLISHED.map(({ hostPort, serverPort }) =>
      serve(
        netns,
        hostPort,
        `${values.proxy} -proto tcp -host-ip ${LOOPBACK} -host-port ${hostPort} -container-ip ${serverAddress} -container-port ${serverPort}`.split(
          ' ',
        ),
      ),
    ),
  );
}

function rows(): Row[] {
  const [{ hostPort: iperfPort }, { hostPort: webPort }] = PUBLISHED;
  const paths = [
    { way: 'a neighbour to the host’s address', from: (host: Host) => host.neighbour, address: HOST_ADDRESS },
    { way: 'the host to its own address', from: (host: Host) => host.netns, address: HOST_ADDRESS },
    {
      way: `the host to ${LOOPBACK}`,
      from: (host: Host) => host.netns,
      address: LOOPBACK,
      isLocal: true as const,
    },
  ];
  const close = { headers: ['Connection: close'] };
  return [
    {
      name: 'iperf3, the host to the server itself (Gbit/s)',
      server: 'iperf',
      from: host => host.netns,
      load: ({ serverAddress }, prefix) => iperf(serverAddress, IPERF_PORT, { seconds, prefix }),
    },
    ...paths.flatMap(({ way, from, address, isLocal }): Row[] => [
      {
        name: `iperf3, ${way} (Gbit/s)`,
        server: 'iperf',
        from,
        ...(isLocal && { isLocal }),
        load: (_host, prefix) => iperf(address, iperfPort, { seconds, prefix }),
      },
      {
        name: `requests, keep-alive, ${way} (1,000/s)`,
        server: 'web',
        from,
        ...(isLocal && { isLocal }),
        load: async (_host, prefix) => (await wrk(address, webPort, { seconds, prefix })) / 1000,
      },
      {
        name: `requests, new connections, ${way} (1,000/s)`,
        server: 'web',
        from,
        ...(isLocal && { isLocal }),
        load: async (_host, prefix) => (await wrk(address, webPort, { seconds, prefix, ...close })) / 1000,
      },
    ]),
  ];
}

/** By turns, and another one first in each round. */
async function compare(row: Row): Promise<void> {
  const stages = [ours, ...others.filter(({ host }) => host.name === 'plain' || row.isLocal)];
  const taken = stages.map((): Measured[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < stages.length; turn += 1) {
      const index = (turn + round + 1) % stages.length;
      const stage = stages[index];
      if (!stage) continue;
      const measured = await measure(row, stage);
      if (round >= 0) taken[index]?.push(measured); // the first round warms up
    }
  }
  print(row.name);
  for (const [index, { host }] of stages.entries()) {
    const [own = [], figures = []] = [taken[0], taken[index]];
    const rate = summarize(figures.map(each => each.rate)).median.toFixed(2);
    const against = (of: keyof Measured): string => ratio(own, figures, of);
    const compared = `ours is ${against('rate')}; per processor second ${against('perCpuSecond')}`;
    print(`  ${host.name.padEnd(8)}${rate.padStart(8)}  ${index === 0 ? '' : compared}`.trimEnd());
  }
}

/** Median of what was measured next to each other, and where it lies with 95 % confidence. */
function ratio(own: readonly Measured[], other: readonly Measured[], of: keyof Measured): string {
  const shares = own.map((each, index) => (100 * each[of]) / (other[index]?.[of] ?? 0));
  const [low, high] = medianInterval(shares).map(share => share.toFixed(1));
  return `${summarize(shares).median.toFixed(1)} % (${low} to ${high})`;
}

/** What others on this machine do falls on the rate, but hardly on the processor time that a request takes. */
async function measure({ server, from, load }: Row, { host, pids }: Stage): Promise<Measured> {
  const worked = (): number =>
    pids[server].reduce<number>((sum, pid) => sum + (pid === undefined ? 0 : workedBy(pid)), 0) +
    workedByChildren();
  const before = worked();
  const rate = await load(host, commandWithin(from(host)));
  return { rate, perCpuSecond: (rate * seconds) / (worked() - before) };
}

async function serve(
  netns: string | undefined,
  port: number,
  command: readonly string[],
): Promise<ChildProcess> {
  const [program = '', ...args] = commandWithin(netns, ...command);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
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
