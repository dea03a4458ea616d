import type { Abortable } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import { KeyedLimit } from '#base/keyed-limit';
import { volumeSilent } from './errors.ts';
import type { SlowMounts } from './tree-jail.ts';
import { LOCAL_DRIVER, type Volume } from './volume.ts';

/** What does not answer for this long is taken for dead. */
const ANSWER_MS = 20_000;
/** Threads that a volume which does not answer may hold. */
const MOST_LOOKS = 2;

/** Whether what a volume has may be at a server, or on a disk that has to be woken: looking at it may take any time. */
export function isFar({ driver, options }: Pick<Volume, 'driver' | 'options'>): boolean {
  const { type } = options;
  return driver !== LOCAL_DRIVER || (type !== undefined && type !== 'tmpfs');
}

/**
 * Looks at volumes whose server may be dead: in threads, of which a volume has a few at most, and not for longer than a bound. A thread that
 * waits for a dead server cannot be called back.
 */
export class FarVolumes {
  readonly #slow: SlowMounts;
  readonly #answerMs: number;
  readonly #limit = new KeyedLimit(MOST_LOOKS);

  constructor({ slow, answerMs = ANSWER_MS }: { readonly slow: SlowMounts; readonly answerMs?: number }) {
    this.#slow = slow;
    this.#answerMs = answerMs;
  }

  /** @throws {EngineError} `unavailable` when it does not answer. */
  async probe(volume: Volume, directory: string, options: Abortable): Promise<void> {
    await this.within(
      volume,
      () => this.#slow.lookAt({ root: directory, path: '/', follows: true }),
      options,
    );
  }

  /** What is not done within the bound goes on, and what comes of it is nobody's. @throws as {@link probe}, `cancelled`. */
  async within<T>(volume: Volume, look: () => Promise<T>, { signal }: Abortable): Promise<T> {
    const limit = AbortSignal.timeout(this.#answerMs);
    try {
      return await this.#limit.run(volume.name, look, {
        signal: signal ? AbortSignal.any([signal, limit]) : limit,
      });
    } catch (error) {
      const isSilent = error instanceof EngineError && isKind(error, 'deadline') && limit.aborted;
      throw isSilent ? volumeSilent(volume, this.#answerMs, error) : error;
    }
  }
}
