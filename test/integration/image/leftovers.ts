import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageEngine } from '../../support/image-engine.ts';

/** What an engine has on disk: blobs, files being written, snapshots, by kind. Waits for removals under way. */
export async function filesOf(engine: ImageEngine): Promise<Record<string, number>> {
  await engine.images.settled();
  await engine.snapshots.settled();
  const count = (...path: string[]): number => readdirSync(join(engine.root, ...path)).length;
  return {
    blobs: count('content', 'blobs', 'sha256'),
    ingest: count('content', 'ingest'),
    snapshots: count('snapshots') - 2, // new and trash
    unpacking: count('snapshots', 'new'),
    trash: count('snapshots', 'trash'),
  };
}

export const NOTHING = { blobs: 0, ingest: 0, snapshots: 0, unpacking: 0, trash: 0 };
