import { textAt } from '#client/json';
import { holdWhileManyStart } from './many-starts.ts';
import { memoryOf, ownMemoryOf } from './memory.ts';
import { docker, dockerCounted, type Target } from './target.ts';

/** One line of the table: how to get ready, what is measured, how to clean up. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  /** whether a larger figure is better */
  readonly isRate: boolean;
  /** a part of the rounds asked for; slow rows run fewer */
  readonly share: number;
  /** no round to warm up */
  readonly isSlow?: boolean;
  readonly prepare?: (on: Target) => Promise<unknown>;
  readonly measure: (on: Target) => Promise<number>;
  readonly tidy?: (on: Target) => Promise<unknown>;
}

const IMAGE = 'busybox';
/** An engine that was busy a moment ago may hold memory that it is about to give back. */
const UNTIL_IDLE_MS = 15_000;

/** Carries the name of the benchmark, so that what a broken run left can be found. */
function nameOn(on: Target): string {
  return `quai-bench-${on.name}`;
}

function timed(name: string, row: Omit<Row, 'name' | 'unit' | 'isRate' | 'share'> & { share?: number }): Row {
  return { share: 1, ...row, name, unit: 'ms', isRate: false };
}

export const ROWS: readonly Row[] = [
  timed('run, bridge', { measure: on => docker(on, ['run', '--rm', IMAGE, 'true']) }),
  timed('run -p', { measure: on => docker(on, ['run', '--rm', '-p', '80', IMAGE, 'true']) }),
  timed('run, network none', {
    measure: on => docker(on, ['run', '--rm', '--network', 'none', IMAGE, 'true']),
  }),
  timed('API create+start+wait+delete', { measure: apiCycle }),
  timed('exec true', {
    prepare: on => runSleeper(on, nameOn(on)),
    measure: on => docker(on, ['exec', nameOn(on), 'true']),
    tidy: removeOne,
  }),
  timed('stop -t0', { measure: on => started(on, () => docker(on, ['stop', '-t', '0', nameOn(on)])) }),
  timed('rm -f of a running one', { measure: on => started(on, () => docker(on, ['rm', '-f', nameOn(on)])) }),
  timed('longest wait of others while 50 start', {
    share: 0.25,
    measure: async on => (await holdWhileManyStart(on)).longestMs,
  }),
  timed('most processor time in one such wait', {
    share: 0.25,
    measure: async on => {
      if (on.pids.length === 0) throw new Error(`${on.name}: this needs --pid ${on.name}=PID`);
      return (await holdWhileManyStart(on)).ownMs;
    },
  }),
  timed('ps -a, 1 container', {
    prepare: on => createMany(on, 1),
    measure: on => docker(on, ['ps', '-a']),
    tidy: on => removeMany(on, 1),
  }),
  timed('ps -a, 100 containers', {
    prepare: on => createMany(on, 100),
    measure: on => docker(on, ['ps', '-a']),
    tidy: on => removeMany(on, 100),
  }),
  {
    name: 'attached output',
    unit: 'MB/s',
    isRate: true,
    share: 0.15,
    measure: on => outputRate(on, ['run', '--rm', ...TALKER]),
  },
  {
    name: 'docker logs of that',
    unit: 'MB/s',
    isRate: true,
    share: 0.15,
    prepare: on => docker(on, ['run', '--name', nameOn(on), ...TALKER]),
    measure: on => outputRate(on, ['logs', nameOn(on)]),
    tidy: removeOne,
  },
  {
    name: 'memory, idle engine',
    unit: 'MB',
    isRate: false,
    share: 0.15,
    isSlow: true,
    prepare: () => new Promise(resolve => setTimeout(resolve, UNTIL_IDLE_MS)),
    measure: async on => ownMemoryOf(on),
  },
  { name: 'memory per idle container', unit: 'MB', isRate: false, share: 0.15, measure: memoryPerContainer },
];

const LINES_BYTES = 50_000_000;
/** 50 MB in lines of 40 bytes, which peers read in ten seconds; the log is large enough to keep all of it in one file */
const TALKER = [
  '--log-opt',
  'max-size=1g',
  IMAGE,
  'sh',
  '-c',
  `yes 123456789012345678901234567890123456789 | head -c ${LINES_BYTES}`,
];

/** @throws when a byte is missing or doubled: a fast engine that loses output is no use */
async function outputRate(on: Target, args: readonly string[]): Promise<number> {
  const { ms, bytes } = await dockerCounted(on, args);
  if (bytes !== LINES_BYTES) throw new Error(`${on.name}: ${bytes} bytes came instead of ${LINES_BYTES}`);
  return bytes / 1000 / ms;
}

async function apiCycle(on: Target): Promise<number> {
  const { client } = on;
  const begun = performance.now();
  const body = { Image: IMAGE, Cmd: ['true'] };
  const id = textAt(await client.call('POST', '/containers/create', { body }), 'Id');
  await client.call('POST', `/containers/${id}/start`);
  await client.call('POST', `/containers/${id}/wait`);
  await client.call('DELETE', `/containers/${id}`);
  return performance.now() - begun;
}

/** Runs `work` on a container that was started just before and is gone after. */
async function started(on: Target, work: () => Promise<number>): Promise<number> {
  await runSleeper(on, nameOn(on));
  try {
    return await work();
  } finally {
    await removeOne(on);
  }
}

/** `sleep` as process 1 does not hear TERM, and Podman's `rm -f` waits ten seconds for that unless told otherwise. */
async function runSleeper(on: Target, name: string): Promise<void> {
  await docker(on, ['run', '-d', '--name', name, '--stop-timeout', '0', IMAGE, 'sleep', '1000']);
}

const MEMORY_CONTAINERS = 10;

async function memoryPerContainer(on: Target): Promise<number> {
  const before = memoryOf(on);
  const names = Array.from({ length: MEMORY_CONTAINERS }, (_, index) => `${nameOn(on)}-${index}`);
  try {
    for (const name of names) await runSleeper(on, name);
    await new Promise(resolve => setTimeout(resolve, 1000)); // supervisors settle
    return (memoryOf(on) - before) / MEMORY_CONTAINERS;
  } finally {
    for (const name of names) await remove(on, name);
  }
}

export async function createMany(on: Target, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const query = { name: `${nameOn(on)}-${index}` };
    await on.client.call('POST', '/containers/create', { query, body: { Image: IMAGE, Cmd: ['true'] } });
  }
}

export async function removeMany(on: Target, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await remove(on, `${nameOn(on)}-${index}`);
}

async function removeOne(on: Target): Promise<void> {
  await remove(on, nameOn(on));
}

async function remove(on: Target, name: string): Promise<void> {
  await on.client
    .call('DELETE', `/containers/${name}`, { query: { force: true, v: true } })
    .catch(() => undefined);
}
