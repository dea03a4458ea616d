import type { Digest } from '#base/ids';
import type { LayerRecord } from '#image/image-table';
import type { WrittenConfig } from '#image/written-config';
import type { Platform } from '#spec/oci/platform';

/** One entry of an image's history, as its configuration has it. */
export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** What a stage has become after one of its instructions. */
export interface StageState {
  /** lowest first */
  readonly layers: readonly LayerRecord[];
  readonly config: WrittenConfig;
  readonly history: readonly HistoryEntry[];
  readonly platform: Platform;
  readonly author: string;
}

/** The name of what is there so far, by content: files below this have the same chain of digests. */
export function chainOf({ layers }: Pick<StageState, 'layers'>): Digest | undefined {
  return layers.at(-1)?.chainId;
}
