import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { ArchiveImage } from './archive-image.ts';
import type { ArchiveSpool } from './archive-spool.ts';
import { readDockerArchive } from './docker-archive.ts';
import { readLegacyArchive } from './legacy-archive.ts';
import { type ArchivePlatforms, readOciArchive } from './oci-archive.ts';

/** Finds out what kind of archive it is, and what images it has. @throws {EngineError} `invalid`. */
export async function readArchive(
  spool: ArchiveSpool,
  platforms: ArchivePlatforms,
  diffIdOf: (path: string) => Promise<Digest>,
): Promise<ArchiveImage[]> {
  if (spool.has('oci-layout') && spool.has('index.json')) return await readOciArchive(spool, platforms);
  if (spool.has('manifest.json')) return await readDockerArchive(spool);
  if (spool.has('repositories')) return await readLegacyArchive(spool, diffIdOf);
  throw new EngineError(
    'invalid',
    'invalid archive: it has no manifest.json (docker save) and no index.json (OCI layout); ' +
      'a root file system is taken in with "docker import"',
  );
}
