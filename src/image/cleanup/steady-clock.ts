export interface SteadyClockDeps {
  /** milliseconds since 1970, as the host has it */
  readonly wallMs: () => number;
  /** since the host was started, also while it slept; nobody sets it */
  readonly upMs: () => number;
}

const DAY_MS = 24 * 3600 * 1000;
/** What clocks are off by without anybody having set them. */
const SLACK_MS = 5 * 60 * 1000;

/**
 * The time for who takes "long ago" for a reason to remove something. When the host's clock is set forward, everything suddenly
 * looks old: the new time counts after a day has really passed. Set back, it counts at once.
 */
export class SteadyClock {
  readonly #deps: SteadyClockDeps;
  #wallMs: number;
  #upMs: number;
  /** when the host had been up for so long, its clock was found to have been set forward */
  #jumpedAt: number | undefined;

  constructor(deps: SteadyClockDeps) {
    this.#deps = deps;
    this.#wallMs = deps.wallMs();
    this.#upMs = deps.upMs();
  }

  now(): number {
    const wallMs = this.#deps.wallMs();
    const upMs = this.#deps.upMs();
    const expected = this.#wallMs + (upMs - this.#upMs);
    if (wallMs > expected + SLACK_MS) {
      this.#jumpedAt ??= upMs;
      if (upMs - this.#jumpedAt < DAY_MS) return expected;
    }
    this.#jumpedAt = undefined;
    this.#wallMs = wallMs;
    this.#upMs = upMs;
    return wallMs;
  }
}
