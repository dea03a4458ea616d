import type { ArchiveFacts } from '#store/archive-source';
import type { ReadLayer } from './layer-format.ts';
import type { LayerDraft } from './snapshotter.ts';

/** What a layer that takes a draft gets: a number with a directory of its own, and what was read into that. */
export interface ClaimedDraft {
  readonly id: number;
  readonly read: Promise<ReadLayer>;
}

/** A layer that is read before it is known what it is a layer of. The first that wants it has it. */
export class DraftedLayer implements LayerDraft {
  readonly #id: number;
  readonly #read: Promise<ReadLayer>;
  readonly #abandon: () => void;
  readonly #stop = new AbortController();
  #isGone = false;

  /** @param abandon removes what was read */
  constructor(id: number, read: (signal: AbortSignal) => Promise<ReadLayer>, abandon: () => void) {
    this.#id = id;
    this.#abandon = abandon;
    this.#read = read(this.#stop.signal);
    this.#read.catch(() => undefined); // told by facts(), if anybody asks
  }

  async facts(): Promise<ArchiveFacts> {
    return (await this.#read).taken;
  }

  /** Whoever gets it also removes it. @returns `undefined` when it was claimed or disposed before. */
  claim(): ClaimedDraft | undefined {
    if (this.#isGone) return undefined;
    this.#isGone = true;
    return { id: this.#id, read: this.#read };
  }

  /** Waits until nothing works at it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#stop.abort();
    await Promise.allSettled([this.#read]);
    this.#abandon();
  }
}
