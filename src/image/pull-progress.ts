import { type Digest, shortId } from '#base/ids';
import type { ContentDescriptor } from '#distribution/repository';

/** One line of a pull as the Engine API has it (`CreateImageInfo`, JSONMessage). */
export interface PullLine {
  readonly status: string;
  readonly id?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

export type EmitLine = (line: PullLine) => void;

/** A line per layer at most so often. */
const INTERVAL_MS = 100;

/** What clients show of a layer, in the words of Docker. */
export class LayerProgress {
  readonly #emit: EmitLine;
  readonly #layer: ContentDescriptor;
  #toldAt = 0;
  #isThere = false;

  constructor(layer: ContentDescriptor, emit: EmitLine) {
    this.#layer = layer;
    this.#emit = emit;
    this.#say('Pulling fs layer', {});
  }

  received(bytes: number): void {
    const { size } = this.#layer;
    const now = performance.now();
    if (this.#isThere || (bytes < size && now - this.#toldAt < INTERVAL_MS)) return;
    this.#toldAt = now;
    this.#say('Downloading', { current: bytes, total: size });
    if (bytes < size) return;
    this.#isThere = true;
    this.#say('Verifying Checksum', {});
    this.#say('Download complete', {});
    this.#say('Extracting', { current: size, total: size });
  }

  done(): void {
    this.#say('Pull complete', {});
  }

  #say(status: string, progressDetail: NonNullable<PullLine['progressDetail']>): void {
    this.#emit({ status, progressDetail, id: shortId(this.#layer.digest) });
  }
}

export function alreadyHere(digest: Digest): PullLine {
  return { status: 'Already exists', progressDetail: {}, id: shortId(digest) };
}
