import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { mapOf } from '#spec/docker/lenient';

const MAX_MANIFEST_BYTES = 1024 * 1024;
const FORMAT = 'quai-volume-backup/1';

const Manifest = v.object({
  format: v.literal(FORMAT),
  volume: v.string(),
  driver: v.string(),
  labels: mapOf(v.string()),
  options: mapOf(v.string()),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  /** beside the manifest: a tar, compressed with zstd */
  file: v.pipe(
    v.string(),
    v.check(name => basename(name) === name && name !== '' && !name.includes('\0')),
  ),
  sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

/** What a backup is of, and how to see that it is whole. Written last: an archive without one is no backup. */
export type BackupManifest = v.InferOutput<typeof Manifest>;

export function newManifest(about: Omit<BackupManifest, 'format'>): BackupManifest {
  return { format: FORMAT, ...about };
}

/** @throws {EngineError} `notFound`, `invalid` when it is none of ours. */
export function readManifest(path: string): BackupManifest {
  try {
    if (statSync(path).size > MAX_MANIFEST_BYTES)
      throw new RangeError(`it is larger than ${MAX_MANIFEST_BYTES} bytes`);
    return v.parse(Manifest, JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new EngineError(
      isMissing ? 'notFound' : 'invalid',
      `cannot read the backup ${path}: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** Backups of a volume in a directory, oldest first. What cannot be read is none. */
export function backupsIn(
  directory: string,
  volume: string,
): { readonly path: string; readonly manifest: BackupManifest }[] {
  return readdirSync(directory)
    .filter(name => name.startsWith(`${volume}.`) && name.endsWith('.json'))
    .flatMap(name => {
      const path = join(directory, name);
      try {
        return [{ path, manifest: readManifest(path) }];
      } catch {
        return [];
      }
    })
    .filter(({ manifest }) => manifest.volume === volume)
    .toSorted((a, b) => (a.manifest.createdAt < b.manifest.createdAt ? -1 : 1));
}
