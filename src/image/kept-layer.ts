import type { NewImage, StagedBlob } from './image-adder.ts';
import type { LayerRecord } from './image-table.ts';

/** A layer that is in the store already, as part of a new image: nothing is read or written of it. */
export function keptLayer({ blobDigest, blobBytes, mediaType }: LayerRecord): NewImage['layers'][number] {
  const done = async (): Promise<void> => undefined;
  const blob: StagedBlob = {
    digest: blobDigest,
    sizeBytes: blobBytes,
    path: '/dev/null',
    flush: done,
    publish: done,
  };
  return { blob, mediaType };
}
