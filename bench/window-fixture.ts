import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
import { buildImage, descriptor, tarOf } from '../test/support/image-archive.ts';
import type { RegistryImage } from './image-fixture.ts';

const LAYERS = 4;
const LAYER_BYTES = 70 * 1024 * 1024;
/** 32 MiB: what Go's zstd takes at its best level. */
const WINDOW_LOG = 25;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+zstd';

/** Four layers that want 32 MiB each of who decompresses them. Made in `folder`. */
export function windowImage(folder: string): RegistryImage {
  mkdirSync(folder, { recursive: true });
  const layers = Array.from({ length: LAYERS }, (_, layer) => {
    const content = Buffer.concat([randomBytes(LAYER_BYTES / 2), Buffer.alloc(LAYER_BYTES / 2, 'ab')]);
    return tarOf([{ path: `f${layer}`, content }]);
  });
  const { configJson, configDigest } = buildImage({ tags: [], layers });
  const blobs = layers.map(tar =>
    zstdCompressSync(tar, {
      params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
    }),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(CONFIG, configJson),
    layers: blobs.map(bytes => descriptor(LAYER, bytes)),
  };
  const files = [
    { digest: configDigest, bytes: configJson },
    ...blobs.map(bytes => ({ digest: descriptor(LAYER, bytes).digest, bytes })),
  ];
  return {
    manifest: Buffer.from(JSON.stringify(manifest)),
    mediaType: MANIFEST,
    blobs: files.map(({ digest, bytes }) => {
      const file = join(folder, digest.replace(':', '-'));
      writeFileSync(file, bytes);
      return { digest, file };
    }),
  };
}
