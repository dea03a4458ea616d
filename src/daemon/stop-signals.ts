const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** SIGTERM and SIGINT, from the first moment of the program on: nothing is lost by ending before the engine has begun. */
export class StopSignals {
  #stop: ((signal: NodeJS.Signals) => void) | undefined;
  #early: NodeJS.Signals | undefined;
  #hasBegun = false;

  constructor() {
    for (const signal of STOP_SIGNALS) process.on(signal, this.#receive);
    process.on('SIGHUP', () => undefined); // a closed terminal does not end the engine
  }

  /** From now on an end takes care: a signal is kept until {@link handle}. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** Called once, with the first signal, also one that came earlier; the next one ends the process at once. */
  handle(stop: (signal: NodeJS.Signals) => void): void {
    this.#stop = stop;
    if (this.#early !== undefined) stop(this.#early);
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (!this.#hasBegun) process.exit(0);
    for (const each of STOP_SIGNALS) process.off(each, this.#receive);
    this.#early = signal;
    this.#stop?.(signal);
  };
}
