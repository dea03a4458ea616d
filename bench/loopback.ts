import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { allAnswer, readCommand } from './command-line.ts';
import { IPERF_PORT, loadNetworkImage, NETWORK_IMAGE } from './network-fixture.ts';
import { workedBy, workedByChildren } from './processor-time.ts';
import { medianInterval, summarize } from './statistics.ts';
import { docker, type Target } from './target.ts';

const USAGE = `Usage: npm run bench:loopback -- --engine NAME=unix:///SOCKET [--engine …] [--rounds N]

Bytes of one stream (iperf3) through a port at 127.0.0.1, per second that processors worked for it: those who send and receive, and
proxies of dockerd's. Engines by turns; how the first compares with each other one.
`;
const run = promisify(execFile);

interface Stage {
  readonly on: Target;
  readonly port: number;
  readonly pids: readonly number[];
  readonly rates: number[];
  readonly perCpuSecond: number[];
}

const command = readCommand(USAGE, { rounds: 12 });
if (command) await compare(command.targets, command.rounds);

async function compare(targets: readonly Target[], rounds: number): Promise<void> {
  await allAnswer(targets);
  const stages: Stage[] = [];
  try {
    for (const on of targets) stages.push(await open(on));
    for (let round = -1; round < rounds; round += 1) {
      for (const stage of stages) await measure(stage, { isKept: round >= 0 }); // the first round warms up
    }
    for (const stage of stages) process.stdout.write(`${lineOf(stage, stages[0] ?? stage)}\n`);
  } finally {
    for (const on of targets) await close(on);
  }
}

async function open(on: Target): Promise<Stage> {
  await loadNetworkImage(on);
  const before = new Set(proxies());
  const options = ['--name', nameOn(on), '--stop-timeout', '0', '-p', String(IPERF_PORT)];
  await docker(on, ['run', '-d', ...options, '--entrypoint', 'iperf3', NETWORK_IMAGE, '-s']);
  // Engines under measurement are trusted to speak Docker's API.
  const answer = (await on.client.call('GET', `/containers/${nameOn(on)}/json`)) as unknown as {
    readonly State: { readonly Pid: number };
    readonly NetworkSettings: {
      readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
    };
  };
  const port = Number(answer.NetworkSettings.Ports[`${IPERF_PORT}/tcp`]?.[0]?.HostPort);
  const pids = [answer.State.Pid, ...proxies().filter(pid => !before.has(pid))];
  await pause(500); // iperf3 listens; to try it would be a client too many
  return { on, port, pids, rates: [], perCpuSecond: [] };
}

async function measure(
  { port, pids, rates, perCpuSecond }: Stage,
  { isKept }: { readonly isKept: boolean },
): Promise<void> {
  const worked = (): number => pids.reduce((sum, pid) => sum + workedBy(pid), workedByChildren());
  const before = worked();
  const args = ['-c', '127.0.0.1', '-p', String(port), '-t', '1', '-J'];
  const { stdout } = await run('iperf3', args, { maxBuffer: 1 << 24 });
  const { end }: { end: { sum_received: { bytes: number; bits_per_second: number } } } = JSON.parse(stdout);
  if (!isKept) return;
  rates.push(end.sum_received.bits_per_second / 1e9);
  perCpuSecond.push((end.sum_received.bytes * 8) / 1e9 / (worked() - before));
}

function lineOf({ on, rates, perCpuSecond }: Stage, first: Stage): string {
  const shares = perCpuSecond.map((value, index) => (100 * (first.perCpuSecond[index] ?? 0)) / value);
  const [low, high] = medianInterval(shares).map(share => share.toFixed(0));
  const [rate, per] = [rates, perCpuSecond].map(each => summarize(each).median.toFixed(1));
  const share = `${summarize(shares).median.toFixed(0)} % (${low} to ${high})`;
  return `${on.name}: ${rate} Gbit/s, ${per} Gbit per processor second; ${first.on.name} gives ${share} of that`;
}

async function close(on: Target): Promise<void> {
  const query = { force: true, v: true };
  await on.client.call('DELETE', `/containers/${nameOn(on)}`, { query }).catch(() => undefined);
  on.client.close();
}

function nameOn(on: Target): string {
  return `quai-bench-${on.name}`;
}

function proxies(): number[] {
  return readdirSync('/proc').flatMap(entry => {
    try {
      return readFileSync(`/proc/${entry}/comm`, 'utf8') === 'docker-proxy\n' ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}
