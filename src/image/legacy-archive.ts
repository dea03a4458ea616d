import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import { maybe, orDefault, text, texts } from '#spec/docker/lenient';
import { parseDocument } from '#spec/oci/json';
import type { ArchiveImage } from './archive-image.ts';
import type { ArchiveSpool } from './archive-spool.ts';
import { parseTag } from './archive-tag.ts';

/** name → tag → ID of the uppermost layer */
const Repositories = v.record(v.string(), v.record(v.string(), v.string()));

/** One layer of the format of Docker before 1.10 (image/spec/v1.md of moby): each has a configuration of its own. */
const LayerJson = v.object({
  parent: text,
  created: text,
  author: text,
  comment: text,
  architecture: text,
  os: text,
  config: maybe(v.record(v.string(), v.unknown())),
  container_config: orDefault(v.object({ Cmd: texts }), {}),
});
type LayerJson = v.InferOutput<typeof LayerJson>;

const LAYER_ID = /^[a-f0-9]{64}$/;
const MAX_LAYERS = 500;

/**
 * The images of an archive of Docker before 1.10, which has no digests: a configuration of today is made for each.
 *
 * @param diffIdOf digest of what a layer's file contains, decompressed
 * @throws {EngineError} `invalid`.
 */
export async function readLegacyArchive(
  spool: ArchiveSpool,
  diffIdOf: (path: string) => Promise<Digest>,
): Promise<ArchiveImage[]> {
  const repositories = parseDocument(Repositories, await spool.read('repositories'), 'repositories');
  const images = new Map<string, ArchiveImage>();
  for (const [name, tags] of Object.entries(repositories)) {
    for (const [tag, id] of Object.entries(tags)) {
      const known = images.get(id) ?? (await legacyImage(spool, id, diffIdOf));
      images.set(id, { images: known.images, tags: [...known.tags, parseTag(`${name}:${tag}`)] });
    }
  }
  return [...images.values()];
}

async function legacyImage(
  spool: ArchiveSpool,
  top: string,
  diffIdOf: (path: string) => Promise<Digest>,
): Promise<ArchiveImage> {
  const chain = await layersOf(spool, top);
  const layers = chain.map(({ id }) => ({ blob: spool.get(`${id}/layer.tar`) }));
  const diffIds: Digest[] = [];
  for (const { blob } of layers) diffIds.push(await diffIdOf(blob.path));
  const { json } = chain.at(-1) ?? { json: undefined };
  const bytes = Buffer.from(
    JSON.stringify({
      architecture: json?.architecture ?? '',
      os: json?.os ?? '',
      author: json?.author ?? '',
      comment: json?.comment ?? '',
      created: json?.created ?? '',
      config: json?.config ?? {},
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: chain.map(layer => ({
        created: layer.json.created,
        author: layer.json.author,
        created_by: layer.json.container_config.Cmd.join(' '),
        comment: layer.json.comment,
      })),
    }),
  );
  return { images: [{ config: { bytes, digest: digestOf(bytes) }, layers }], tags: [] };
}

/** Lowest first. */
async function layersOf(spool: ArchiveSpool, top: string): Promise<{ id: string; json: LayerJson }[]> {
  const chain: { id: string; json: LayerJson }[] = [];
  for (let id = top; id !== ''; ) {
    if (!LAYER_ID.test(id)) throw new EngineError('invalid', `invalid archive: "${id}" is no layer ID`);
    if (chain.length >= MAX_LAYERS || chain.some(layer => layer.id === id)) {
      throw new EngineError('invalid', 'invalid archive: max depth exceeded');
    }
    const json = parseDocument(LayerJson, await spool.read(`${id}/json`), `${id}/json`);
    chain.unshift({ id, json });
    id = json.parent;
  }
  return chain;
}
