import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '#base/logger';
import { trimMemory } from '#sys/trim-memory';

const INTERVAL_MS = 5_000;
/** More than this above what was left the last time is worth it. */
const WORTH_BYTES = 24 * 1024 * 1024;
/** Less processor time than this in an interval: nothing goes on. */
const IDLE_CPU_MICROS = 250_000;

export interface MemoryFacts {
  readonly rss: () => number;
  /** processor time of this process since it began, in microseconds */
  readonly cpuMicros: () => number;
  /** gives back what only the start needed */
  readonly releaseStart: () => Promise<void>;
  /** gives back what can be given back */
  readonly release: () => Promise<void>;
}

/**
 * Gives memory back after the start, and after large work. A pull, a load or a build leaves hundreds of megabytes of dead buffers, which V8 collects
 * when it needs room, so: never in an engine that has nothing to do. Only when nothing goes on: all of this holds up what does.
 */
export class MemoryKeeper implements Disposable {
  readonly #facts: MemoryFacts;
  readonly #timer: NodeJS.Timeout;
  #kept = Number.POSITIVE_INFINITY;
  #lastCpu: number;
  #isStartOver = false;

  constructor(logger: Logger, facts: MemoryFacts = OWN_FACTS) {
    this.#facts = facts;
    this.#lastCpu = facts.cpuMicros();
    this.#timer = setInterval(() => {
      this.look().catch((error: unknown) => logger.warn('cannot give memory back', { error }));
    }, INTERVAL_MS).unref();
  }

  /** Called at each interval. */
  async look(): Promise<void> {
    const cpu = this.#facts.cpuMicros();
    const isIdle = cpu - this.#lastCpu < IDLE_CPU_MICROS;
    this.#lastCpu = cpu;
    const rss = this.#facts.rss();
    this.#kept = Math.min(this.#kept, rss);
    if (!isIdle || (this.#isStartOver && rss - this.#kept < WORTH_BYTES)) return;
    await (this.#isStartOver ? this.#facts.release() : this.#facts.releaseStart());
    this.#isStartOver = true;
    this.#kept = this.#facts.rss();
    this.#lastCpu = this.#facts.cpuMicros();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

const OWN_FACTS: MemoryFacts = {
  rss: () => process.memoryUsage.rss(),
  cpuMicros: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  releaseStart: trimMemory,
  release: async () => {
    collectGarbage();
    await trimMemory();
  },
};

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void; // what the flag adds to new contexts
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
