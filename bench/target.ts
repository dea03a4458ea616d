import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { ApiClient } from '#client/api-client';
import { HttpTransport } from '#client/http-transport';
import { makeBusyboxArchive } from '../test/support/busybox-image.ts';

/** An engine under measurement. */
export interface Target {
  readonly name: string;
  readonly socketPath: string;
  readonly client: ApiClient;
  /** its process, for memory; with several, all of them */
  readonly pids: readonly number[];
  /** a shell command that starts it in the foreground, for the rows about starting */
  readonly startCommand: string | undefined;
}

export function target(
  name: string,
  socketPath: string,
  extra: Partial<Pick<Target, 'pids' | 'startCommand'>>,
): Target {
  return {
    name,
    socketPath,
    client: new ApiClient({ transport: new HttpTransport({ socketPath }) }),
    pids: extra.pids ?? [],
    startCommand: extra.startCommand,
  };
}

const DOCKER = process.env['BENCH_DOCKER'] ?? 'docker';

/** Runs the Docker command line against a target. @returns milliseconds. @throws when it fails, with what it said */
export async function docker(on: Target, args: readonly string[]): Promise<number> {
  const begun = performance.now();
  const child = spawn(DOCKER, args, { stdio: ['ignore', 'ignore', 'pipe'], env: environment(on) });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  const took = performance.now() - begun;
  if (code !== 0)
    throw new Error(`${on.name}: docker ${args.join(' ')} ended with ${String(code)}: ${said.trim()}`);
  return took;
}

/** As {@link docker}, and counts what it writes to standard output; `wc` counts, so that this process does not slow it. */
export async function dockerCounted(
  on: Target,
  args: readonly string[],
): Promise<{ readonly ms: number; readonly bytes: number }> {
  const begun = performance.now();
  const child = spawn('sh', ['-c', '"$@" | wc -c', 'sh', DOCKER, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment(on),
  });
  const bytes = Number(await text(child.stdout));
  return { ms: performance.now() - begun, bytes };
}

/** Starts the engine by its command. @returns the child and the milliseconds until `_ping` answered */
export async function startEngine(
  on: Target,
): Promise<{ readonly child: ChildProcess; readonly ms: number }> {
  if (on.startCommand === undefined) throw new Error(`${on.name} has no start command`);
  const begun = performance.now();
  const child = spawn('sh', ['-c', `exec ${on.startCommand}`], { stdio: 'ignore' });
  const deadline = begun + 30_000;
  while (!(await answers(on))) {
    if (child.exitCode !== null) throw new Error(`${on.name} ended with ${child.exitCode} while starting`);
    if (performance.now() > deadline) throw new Error(`${on.name} did not answer within 30 s`);
    await new Promise(resolve => setTimeout(resolve, 2));
  }
  return { child, ms: performance.now() - begun };
}

/** Whether the engine answers now; a client of its own, because one remembers a failed negotiation. */
export async function answers(on: Target): Promise<boolean> {
  const transport = new HttpTransport({ socketPath: on.socketPath });
  try {
    const { status, body } = await transport.request({ method: 'GET', path: '/_ping' });
    for await (const _chunk of body) continue; // an unread answer would keep this program
    return status === 200;
  } catch {
    return false;
  } finally {
    transport.close();
  }
}

/** The `busybox` image of the tests, made of this machine's own binary. */
export async function loadImage(on: Target): Promise<void> {
  const archive = await makeBusyboxArchive();
  await on.client.text('POST', '/images/load', {
    headers: { 'Content-Type': 'application/x-tar' },
    body: createReadStream(archive),
  });
}

/** The Docker command line, and what leads it to the target. */
export function clientCommand(on: Target): { readonly file: string; readonly env: NodeJS.ProcessEnv } {
  return { file: DOCKER, env: environment(on) };
}

function environment(on: Target): NodeJS.ProcessEnv {
  return { ...process.env, DOCKER_HOST: `unix://${on.socketPath}`, DOCKER_CONFIG: '/nonexistent' };
}

const TICKS_PER_SECOND = 100;

/** Seconds that processes worked, in user and kernel mode. */
export function processorTime(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}
