const INTERVAL_MS = 1_000;
/** how often in a row the process has to be found gone */
const ROUNDS = 2;

/**
 * Looks after a client that does not read. It holds conmon up, and with it the process, which is right as long as
 * there is one; a process that was killed meanwhile would never be known to have ended.
 */
export class StallWatch {
  readonly #isAlive: () => boolean;
  readonly #onDead: () => void;
  #timer: NodeJS.Timeout | undefined;
  #rounds = 0;

  constructor({ isAlive, onDead }: { readonly isAlive: () => boolean; readonly onDead: () => void }) {
    this.#isAlive = isAlive;
    this.#onDead = onDead;
  }

  /** The client has stopped reading. */
  start(): void {
    this.#timer ??= setInterval(() => this.#check(), INTERVAL_MS).unref();
  }

  /** It reads again, or is gone. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#rounds = 0;
  }

  #check(): void {
    this.#rounds = this.#isAlive() ? 0 : this.#rounds + 1;
    if (this.#rounds < ROUNDS) return;
    this.stop();
    this.#onDead();
  }
}
