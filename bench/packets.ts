import { parseArgs } from 'node:util';
import { leaveForNewNetns } from '#sys/netns';
import { PacketEnd } from './packet-end.ts';
import { HOST_ADDRESS, type Host, ourHost, plainHost } from './plain-host.ts';
import { medianInterval, summarize } from './statistics.ts';

/**
 * What one packet of an established connection through a published port costs, on its way to the container and on its way back: ours
 * against a table that holds nothing but the rewriting. The kernel does all of the way within the call that sends, so what else
 * the machine does is left out by taking the quickest calls. As root: `npm run bench:packets -- [--rounds N] [--twice]`.
 */
const PORT = { hostPort: 17_000, serverPort: 7_000, protocol: 'udp' } as const;

const { values } = parseArgs({ options: { rounds: { type: 'string' }, twice: { type: 'boolean' } } });
const rounds = Number(values.rounds ?? 5);

leaveForNewNetns();
await using resources = new AsyncDisposableStack();
const ours = resources.use(await (values.twice ? plainHost : ourHost)([PORT]));
const plain = resources.use(await plainHost([PORT]));

interface Way {
  readonly inward: number;
  readonly outward: number;
}

print('nanoseconds per packet: ours, plain, ours of plain (95 % confidence)');
for (const { name, from, address } of [
  { name: 'a neighbour', from: (host: Host) => host.neighbour, address: HOST_ADDRESS },
  { name: 'the host by its own address', from: (host: Host) => host.netns, address: HOST_ADDRESS },
  { name: 'the host by 127.0.0.1', from: (host: Host) => host.netns, address: '127.0.0.1' },
]) {
  const [own, other]: [Way[], Way[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    own.push(await measure(ours, from(ours), address));
    other.push(await measure(plain, from(plain), address));
  }
  report(`${name}, to the container`, pick(own, 'inward'), pick(other, 'inward'));
  report(`${name}, from the container`, pick(own, 'outward'), pick(other, 'outward'));
}

function pick(ways: readonly Way[], direction: keyof Way): number[] {
  return ways.map(way => way[direction]);
}

function report(name: string, own: readonly number[], other: readonly number[]): void {
  const [a, b] = [summarize(own).median, summarize(other).median];
  const shares = own.map((value, index) => (100 * value) / (other[index] ?? 0));
  const [low, high] = medianInterval(shares).map(share => share.toFixed(0));
  const share = `${summarize(shares).median.toFixed(0)} % (${low} to ${high})`;
  print(`  ${name.padEnd(46)}${a.toFixed(0).padStart(6)}${b.toFixed(0).padStart(6)}  ${share}`);
}

async function measure(host: Host, from: string | undefined, address: string): Promise<Way> {
  await using ends = new AsyncDisposableStack();
  const server = ends.use(new PacketEnd(host.server, ['answer', String(PORT.serverPort)]));
  await server.next('up');
  const client = ends.use(new PacketEnd(from, ['ask', address, String(PORT.hostPort)]));
  await client.next('ready');
  await server.next('ready');
  return { inward: await client.send(), outward: await server.send() };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
