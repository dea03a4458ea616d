import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '#base/logger';
import { trimMemory } from '#sys/trim-memory';

const INTERVAL_MS = 5_000;
const MB = 1024 * 1024;
/** More than this above what was left the last time is worth going through what is not in use: some 5 are in use again at once. */
const WORTH_TRIMMING_BYTES = 8 * MB;
/** More than this above what was left by the last collection is worth another, which holds everything up for 20 to 40 ms; */
const WORTH_COLLECTING_BYTES = 16 * MB;
/** or so much when nothing has gone on for long: then nobody is held up; */
const WORTH_COLLECTING_LATE_BYTES = 4 * MB;
/** and so much also while a little goes on. */
const MUCH_BYTES = 64 * MB;
/** What was in use is let go of bit by bit: threads end, connections time out, V8 frees what it has collected. */
const TRIMS_AFTER_WORK = 4;
/** Less processor time than this in an interval: nothing goes on, or a little. */
const IDLE_CPU_MICROS = 50_000;
const QUIET_CPU_MICROS = 250_000;

export interface MemoryFacts {
  readonly rss: () => number;
  /** processor time of this process since it began, in microseconds */
  readonly cpuMicros: () => number;
  /** gives back what is not in use, without holding up anything */
  readonly trim: () => Promise<void>;
  /** finds out what is not in use any more */
  readonly collect: () => void;
}

/**
 * Gives memory back after the start, and after work. A pull, a load or a build leaves hundreds of megabytes of dead buffers, which V8 collects
 * when it needs room, so: never in an engine that has nothing to do. Only when nothing goes on: all of this holds up what does.
 */
export class MemoryKeeper implements Disposable {
  readonly #facts: MemoryFacts;
  readonly #timer: NodeJS.Timeout;
  /** what is left after a trim, and after a collection or the start */
  #trimmed = Number.POSITIVE_INFINITY;
  #collected = Number.POSITIVE_INFINITY;
  #lastCpu: number;
  #isStartOver = false;
  #trimsLeft = TRIMS_AFTER_WORK;

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
    const spent = cpu - this.#lastCpu;
    this.#lastCpu = cpu;
    const rss = this.#facts.rss();
    this.#trimmed = Math.min(this.#trimmed, rss);
    this.#collected = Math.min(this.#collected, rss);
    const isMuch = rss - this.#collected >= MUCH_BYTES;
    const isBusy = spent >= (isMuch || !this.#isStartOver ? QUIET_CPU_MICROS : IDLE_CPU_MICROS);
    if (isBusy) this.#trimsLeft = TRIMS_AFTER_WORK;
    if (isBusy || (this.#trimsLeft === 0 && rss - this.#trimmed < WORTH_TRIMMING_BYTES)) return;
    const worthCollecting = this.#trimsLeft === 1 ? WORTH_COLLECTING_LATE_BYTES : WORTH_COLLECTING_BYTES;
    this.#trimsLeft = Math.max(0, this.#trimsLeft - 1);
    await this.#facts.trim();
    if (!this.#isStartOver) {
      this.#collected = this.#facts.rss();
    } else if (this.#facts.rss() - this.#collected >= worthCollecting) {
      this.#facts.collect();
      await this.#facts.trim();
      this.#collected = this.#facts.rss();
    }
    this.#isStartOver = true;
    this.#trimmed = this.#facts.rss();
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
  trim: async () => {
    if (!hasCompiled()) flushCompileCache();
    await trimMemory();
  },
  collect: collectGarbage,
};

/**
 * Compiled modules that were read are kept, 6 MB, until those that were not there have been written. Where there are such, that
 * takes a second, and is left for the end of the process; then they are also more complete. Known by Node's compiler of
 * TypeScript: it is only loaded when it is needed.
 */
function hasCompiled(): boolean {
  const loaded: unknown = Reflect.get(process, 'moduleLoadList');
  return !Array.isArray(loaded) || loaded.some(name => String(name).includes('/amaro/'));
}

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void; // what the flag adds to new contexts
    setFlagsFromString('--no-expose-gc');
  }
  collect();
}
