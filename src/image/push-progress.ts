import { type Digest, shortId } from '#base/ids';

/** One line of a push as the Engine API has it (`PushImageInfo`, JSONMessage). */
export interface PushLine {
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: object;
}

export type EmitPush = (line: PushLine) => void;

/** A line per layer at most so often. */
const INTERVAL_MS = 100;

/** What clients show of a layer that is sent, in the words of Docker. */
export class PushProgress {
  readonly #emit: EmitPush;
  readonly #id: string;
  #toldAt = 0;

  /** Docker names layers of a push by what they contain, not by the blob. */
  constructor(diffId: Digest, emit: EmitPush) {
    this.#emit = emit;
    this.#id = shortId(diffId);
    this.say('Preparing');
  }

  say(status: string): void {
    this.#emit({ status, progressDetail: {}, id: this.#id });
  }

  sent(current: number, total: number): void {
    const now = performance.now();
    if (current < total && now - this.#toldAt < INTERVAL_MS) return;
    this.#toldAt = now;
    this.#emit({ status: 'Pushing', progressDetail: { current, total }, id: this.#id });
  }
}
