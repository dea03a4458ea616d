import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { endpointElements, networkElements, renderTable } from '#network/firewall-rules';
import { leaveForNewNetns } from '#sys/netns';
import { nginxConf, PAGE_BYTES, WEB_PORT } from './network-fixture.ts';
import { wrk } from './network-load.ts';
import { commandWithin, HOST_ADDRESS, plainHost, within } from './plain-host.ts';
import { workedBy, workedByChildren } from './processor-time.ts';
import { medianInterval, summarize } from './statistics.ts';

/**
 * What our rules cost a request, by themselves: one host, one server, and the hand-written table that does nothing but rewrite
 * changed for ours and back between measurements a second long. Other than with two hosts side by side nothing else differs.
 * As root, with wrk and nginx: `npm run bench:rules -- [--rounds N] [--rows WORD]`.
 */
const HOST_PORT = 18_080;
const GROUP = 77;
const BRIDGE = 'br0';

const { values } = parseArgs({ options: { rounds: { type: 'string' }, rows: { type: 'string' } } });
const rounds = Number(values.rounds ?? 12);

leaveForNewNetns();
await using host = await plainHost([{ hostPort: HOST_PORT, serverPort: WEB_PORT }]);
within(host.netns, 'ip', ['link', 'set', BRIDGE, 'group', String(GROUP)]);
const folder = mkdtempSync(join(tmpdir(), 'quai-bench-'));
const tables = { plain: within(host.netns, 'nft', ['list', 'ruleset']), ours: ourTable() };
const server = await serve();
for (const [from, address] of [
  [host.neighbour, HOST_ADDRESS],
  [host.netns, HOST_ADDRESS],
  [host.netns, '127.0.0.1'],
] as const) {
  for (const kind of ['keep-alive', 'new connections'] as const) {
    const who = from === host.neighbour ? 'a neighbour' : 'the host';
    const name = `${kind}, ${who} to ${address}`;
    if (name.includes(values.rows ?? '')) await compare(name, { from, address, kind });
  }
}
const ended = once(server, 'exit');
server.kill('SIGKILL');
await ended;
rmSync(folder, { recursive: true });

interface Way {
  readonly from: string | undefined;
  readonly address: string;
  readonly kind: 'keep-alive' | 'new connections';
}

async function compare(name: string, way: Way): Promise<void> {
  const taken = { plain: [] as number[], ours: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const order = ['plain', 'ours'] as const;
    for (const which of round % 2 === 0 ? order : order.toReversed()) {
      const took = await measure(which, way);
      if (round >= 0) taken[which].push(took); // the first round warms up
    }
  }
  const shares = taken.ours.map((took, index) => (100 * (taken.plain[index] ?? 0)) / took);
  const [low, high] = medianInterval(shares).map(share => share.toFixed(1));
  const [plain, ours] = [taken.plain, taken.ours].map(each => summarize(each).median.toFixed(1));
  const share = `${summarize(shares).median.toFixed(1)} % (${low} to ${high})`;
  process.stdout.write(`${name}: plain ${plain}, ours ${ours} us of processor time; ours gives ${share}\n`);
}

/** @returns microseconds of processor time for a request, asking and answering */
async function measure(which: keyof typeof tables, { from, address, kind }: Way): Promise<number> {
  const file = join(folder, 'table.nft');
  writeFileSync(file, `flush ruleset\n${tables[which]}`);
  within(host.netns, 'nft', ['-f', file]);
  const worked = (): number => workedBy(server.pid ?? 0) + workedByChildren();
  const before = worked();
  const seconds = 1;
  const headers = kind === 'keep-alive' ? [] : ['Connection: close'];
  const rate = await wrk(address, HOST_PORT, { seconds, prefix: commandWithin(from), headers });
  return (1e6 * (worked() - before)) / (rate * seconds);
}

function ourTable(): string {
  const bridgeIndex = Number.parseInt(within(host.netns, 'ip', ['-o', 'link', 'show', BRIDGE]), 10);
  const elements = [
    ...networkElements({
      bridge: BRIDGE,
      subnets: ['172.17.0.0/16'],
      isInternal: false,
      masqueraded: [4],
      sourceAddress: {},
      isOpenWithin: true,
    }),
    ...endpointElements({
      bridge: BRIDGE,
      bridgeIndex,
      addresses: [{ address: host.serverAddress, mode: 'nat', trustedLinks: [], openPorts: [] }],
      publications: [
        { protocol: 'tcp', hostPort: HOST_PORT, targetIp: host.serverAddress, targetPort: WEB_PORT },
      ],
    }),
  ];
  return renderTable('quai_bench', elements, { mode: 'quai', bridgeGroup: GROUP, originChain: 'shared' });
}

async function serve(): Promise<ReturnType<typeof spawn>> {
  writeFileSync(join(folder, 'index.html'), Buffer.alloc(PAGE_BYTES, 'x'));
  writeFileSync(join(folder, 'nginx.conf'), nginxConf(folder, folder));
  const [program = '', ...args] = commandWithin(host.server, 'nginx', '-c', join(folder, 'nginx.conf'));
  const child = spawn(program, args, { stdio: 'ignore' });
  for (let tries = 250; tries > 0; tries -= 1) {
    if (within(host.server, 'cat', ['/proc/net/tcp']).includes(':1F90 00000000:0000 0A')) return child;
    await pause(20);
  }
  throw new Error('nginx did not come up');
}
