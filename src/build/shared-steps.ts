import { type Abortable, orAborted } from '#base/abortable';
import { SingleFlight } from '#base/single-flight';
import type { OnOutput } from './run-process.ts';

interface Audience {
  readonly listeners: Set<OnOutput>;
  readonly missed: { readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }[];
  missedBytes: number;
}

/** What whoever comes later is told of what was written before. */
const MOST_MISSED_BYTES = 256 * 1024;
/** With one who takes longer than this to take a piece of output the others do not wait: it misses the rest. */
const PATIENCE_MS = 10_000;

/**
 * Equal steps that several builds, or stages of one, want at the same time: done once, what it writes goes to all of them, and it is
 * cancelled when the last of them has left.
 */
export class SharedSteps<T> {
  readonly #flights = new SingleFlight<T>();
  readonly #audiences = new Map<string, Audience>();

  async run(
    key: string,
    onOutput: OnOutput,
    work: (onOutput: OnOutput, signal: AbortSignal) => Promise<T>,
    options: Abortable,
  ): Promise<T> {
    const audience = this.#audiences.get(key) ?? { listeners: new Set(), missed: [], missedBytes: 0 };
    this.#audiences.set(key, audience);
    // The flight is joined first: whoever takes its time to hear what was missed must not find it over, and do it again.
    const missed = replay([...audience.missed], onOutput);
    missed.catch(() => undefined); // looked at below
    const listener: OnOutput = async (stream, data) => {
      await missed;
      await onOutput(stream, data);
    };
    audience.listeners.add(listener);
    try {
      const result = await this.#flights.run(
        key,
        signal => this.#begin(key, audience, work, signal),
        options,
      );
      await orAborted(missed, options.signal);
      return result;
    } finally {
      audience.listeners.delete(listener);
    }
  }

  async #begin(
    key: string,
    audience: Audience,
    work: (onOutput: OnOutput, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    try {
      return await work((stream, data) => tellAll(audience, stream, data), signal);
    } finally {
      if (this.#audiences.get(key) === audience) this.#audiences.delete(key);
    }
  }
}

async function replay(missed: Audience['missed'], onOutput: OnOutput): Promise<void> {
  for (const { stream, data } of missed) await onOutput(stream, data);
}

async function tellAll(audience: Audience, stream: 'stdout' | 'stderr', data: Buffer): Promise<void> {
  audience.missed.push({ stream, data });
  audience.missedBytes += data.length;
  while (audience.missedBytes > MOST_MISSED_BYTES) {
    audience.missedBytes -= audience.missed.shift()?.data.length ?? audience.missedBytes;
  }
  const { listeners } = audience;
  const isAlone = listeners.size === 1;
  await Promise.all(
    [...listeners].map(async listener => {
      const told = Promise.resolve(listener(stream, data));
      // Who is alone sets the pace of the step. One of several who does not read must not hold up the others.
      if (isAlone || (await isSoon(told))) await told;
      else listeners.delete(listener);
    }),
  );
}

async function isSoon(told: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), PATIENCE_MS);
  try {
    return await Promise.race([told.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
