import { EngineError } from '#base/errors';
import { clientNetwork } from '#sys/address-guard';

export interface AttemptLimitOptions {
  /** attempts that may fail before there is a wait */
  readonly free: number;
  /** the first wait; each further failure doubles it */
  readonly baseMs: number;
  readonly capMs: number;
  /** keys that are remembered; the oldest go */
  readonly maxKeys: number;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

interface Entry {
  failures: number;
  /** when the next attempt may be made */
  openAt: number;
  lastAt: number;
}

const FORGET_MS = 3_600_000;

/**
 * Slows whoever guesses. An attempt counts as failed from its beginning, so that many at once are no way around it;
 * {@link succeeded} takes that back.
 */
export class AttemptLimit {
  readonly #options: AttemptLimitOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: AttemptLimitOptions) {
    this.#options = options;
  }

  /** How many keys it knows of. */
  get size(): number {
    return this.#entries.size;
  }

  /** Milliseconds until another attempt is let in; 0 for now. */
  waitMs(key: string): number {
    const entry = this.#current(key);
    return entry ? Math.max(0, entry.openAt - this.#options.now()) : 0;
  }

  /** Counts an attempt that has been let in. */
  began(key: string): void {
    const { free, baseMs, capMs, now } = this.#options;
    const entry = this.#current(key) ?? { failures: 0, openAt: 0, lastAt: 0 };
    entry.failures += 1;
    entry.lastAt = now();
    const over = entry.failures - free;
    entry.openAt = over < 0 ? 0 : now() + Math.min(capMs, baseMs * 2 ** Math.min(over, 30));
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#makeRoom();
  }

  /** The attempt could not be made after all. */
  undone(key: string): void {
    const entry = this.#current(key);
    if (!entry) return;
    entry.failures -= 1;
    entry.openAt = 0;
    if (entry.failures <= 0) this.#entries.delete(key);
  }

  /** The attempt was none of somebody who guesses, and those before were slips. */
  succeeded(key: string): void {
    this.#entries.delete(key);
  }

  #current(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.lastAt + FORGET_MS > this.#options.now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #makeRoom(): void {
    if (this.#entries.size <= this.#options.maxKeys) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** How wrong passwords are counted: of one account from one address, of an account from everywhere, of an address for everybody. */
export class SignInLimits {
  readonly #pairs: AttemptLimit;
  readonly #accounts: AttemptLimit;
  readonly #addresses: AttemptLimit;

  constructor(now: () => number) {
    const minute = 60_000;
    this.#pairs = new AttemptLimit({ free: 5, baseMs: 1000, capMs: 15 * minute, maxKeys: 20_000, now });
    // Strangers must not be able to keep somebody out for long: the wait is short, and still a bound.
    this.#accounts = new AttemptLimit({ free: 50, baseMs: 1000, capMs: minute, maxKeys: 10_000, now });
    this.#addresses = new AttemptLimit({ free: 30, baseMs: 1000, capMs: 15 * minute, maxKeys: 10_000, now });
  }

  /** @throws {EngineError} `unavailable` when it is too early for another attempt. */
  begin(account: string, from: string): SignInAttempt {
    const address = clientNetwork(from);
    const pair = `${address} ${account}`;
    const waitMs = Math.max(
      this.#pairs.waitMs(pair),
      this.#accounts.waitMs(account),
      address === '' ? 0 : this.#addresses.waitMs(address),
    );
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      throw new EngineError('unavailable', `too many attempts to sign in; try again in ${seconds} s`);
    }
    this.#pairs.began(pair);
    this.#accounts.began(account);
    if (address !== '') this.#addresses.began(address);
    return {
      succeeded: () => {
        this.#pairs.succeeded(pair);
        this.#accounts.succeeded(account);
        // Whoever has an account of their own may still be guessing at others.
        this.#addresses.undone(address);
      },
      undone: () => {
        this.#pairs.undone(pair);
        this.#accounts.undone(account);
        this.#addresses.undone(address);
      },
    };
  }
}

export interface SignInAttempt {
  succeeded(): void;
  /** nobody could look whether it was right */
  undone(): void;
}
