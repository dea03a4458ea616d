import * as v from 'valibot';
import { texts } from '#spec/docker/lenient';
import { parseDocument } from '#spec/oci/json';
import type { ArchiveImage } from './archive-image.ts';
import type { ArchiveSpool } from './archive-spool.ts';
import { parseTag } from './archive-tag.ts';

const MAX_IMAGES = 1000;

/** `manifest.json` of `docker save` (image/spec/v1.2.md of moby). */
const ArchiveManifest = v.pipe(
  v.array(v.object({ Config: v.string(), RepoTags: texts, Layers: texts })),
  v.maxLength(MAX_IMAGES),
);

/** The images of `docker save`, in all versions since 1.10. @throws {EngineError} `invalid`. */
export async function readDockerArchive(spool: ArchiveSpool): Promise<ArchiveImage[]> {
  const manifest = parseDocument(ArchiveManifest, await spool.read('manifest.json'), 'manifest.json');
  const images: ArchiveImage[] = [];
  for (const { Config, RepoTags, Layers } of manifest) {
    const config = { bytes: await spool.read(Config), digest: spool.get(Config).digest };
    const layers = Layers.map(path => ({ blob: spool.get(path) }));
    images.push({ images: [{ config, layers }], tags: RepoTags.map(parseTag) });
  }
  return images;
}
