import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { clientCommand, docker, type Target } from './target.ts';

const STARTS = 50;
const NANOS_PER_MS = 1_000_000;

/** What somebody else notices of many containers that start at once. */
export interface Hold {
  /** the longest that one of many small questions took, this program's own waiting among it */
  readonly longestMs: number;
  /** the most processor time that the engine's first thread, which is Node's event loop, took while one was asked */
  readonly ownMs: number;
}

/** Starts 50 containers by as many command lines at once, and asks all the time. */
export async function holdWhileManyStart(on: Target): Promise<Hold> {
  const names = Array.from({ length: STARTS }, (_, index) => `quai-bench-${on.name}-${index}`);
  const { file, env } = clientCommand(on);
  // One shell for all: to start 50 programs would hold up this one.
  const script =
    'for name; do "$DOCKER" run --detach --name "$name" busybox sleep 1000 >/dev/null & done; wait';
  const child = spawn('sh', ['-c', script, 'sh', ...names], {
    env: { ...env, DOCKER: file },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit');
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let longestMs = 0;
  let ownMs = 0;
  while (!isOver) {
    const [begun, cpu] = [performance.now(), threadMs(on)];
    await on.client.text('GET', '/_ping');
    longestMs = Math.max(longestMs, performance.now() - begun);
    ownMs = Math.max(ownMs, threadMs(on) - cpu);
  }
  await ended;
  await docker(on, ['rm', '--force', ...names]); // fails when one has not started
  return { longestMs, ownMs };
}

/** Documentation/scheduler/sched-stats.rst: the first figure, in nanoseconds. */
function threadMs({ pids: [pid] }: Target): number {
  if (pid === undefined) return 0;
  return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8'), 10) / NANOS_PER_MS;
}
