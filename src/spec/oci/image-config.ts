import * as v from 'valibot';
import { ContainerConfig } from '#spec/docker/container-config';
import { flag, orDefault, text } from '#spec/docker/lenient';
import { parseDocument } from './json.ts';
import { DigestText } from './manifest.ts';

const MAX_LAYERS = 500;

/** The configuration blob of an image (OCI image spec, `config.md`); its digest is the image's ID. */
export const ImageConfig = v.object({
  architecture: text,
  os: text,
  variant: text,
  author: text,
  /** Docker's own */
  comment: text,
  created: text,
  config: orDefault(ContainerConfig, {}),
  rootfs: orDefault(
    v.object({
      type: orDefault(v.string(), 'layers'),
      diff_ids: v.pipe(orDefault(v.array(DigestText), []), v.maxLength(MAX_LAYERS, 'max depth exceeded')),
    }),
    {},
  ),
  history: orDefault(
    v.array(v.object({ created: text, created_by: text, author: text, comment: text, empty_layer: flag })),
    [],
  ),
});
export type ImageConfig = v.InferOutput<typeof ImageConfig>;

/** @throws {EngineError} `invalid`. */
export function parseImageConfig(bytes: Buffer): ImageConfig {
  return parseDocument(ImageConfig, bytes, 'the image configuration');
}

/** RFC 3339 → milliseconds since 1970; `undefined` for none, nonsense, or Go's zero time. */
export function parseCreated(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) || text.startsWith('0001-01-01') ? undefined : ms;
}
