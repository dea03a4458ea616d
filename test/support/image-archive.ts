import { createHash, randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { TAR_END, type TarEntryInit, tarEntry } from '#spec/tar/tar-writer';
import { goGzip } from './go-gzip.ts';

/** One entry of a layer; `content` only for files. */
export type LayerEntry = TarEntryInit & { readonly content?: Buffer | string };

export interface TestImage {
  readonly tags: readonly string[];
  /** each layer is a list of entries, or a tar */
  readonly layers: readonly (readonly LayerEntry[] | Buffer)[];
  /** Docker's image config, the `config` member */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
  readonly os?: string;
  readonly compress?: 'none' | 'gzip' | 'go' | 'zstd';
}

export const HOST_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

export function sha256(bytes: Buffer | string): `sha256:${string}` {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function tarOf(entries: readonly LayerEntry[]): Buffer {
  const parts = entries.map(({ content, ...entry }) => tarEntry(entry, content));
  return Buffer.concat([...parts, TAR_END]);
}

/** The parts of an image as its archive carries them. */
export interface BuiltImage {
  readonly configJson: Buffer;
  readonly configDigest: `sha256:${string}`;
  readonly diffIds: readonly string[];
  readonly blobs: readonly { readonly digest: `sha256:${string}`; readonly bytes: Buffer }[];
}

export function buildImage(image: TestImage): BuiltImage {
  const tars = image.layers.map(layer => (Buffer.isBuffer(layer) ? layer : tarOf(layer)));
  const diffIds = tars.map(sha256);
  const configJson = Buffer.from(
    JSON.stringify({
      architecture: image.architecture ?? HOST_ARCHITECTURE,
      os: image.os ?? 'linux',
      created: '2026-01-02T03:04:05.678Z',
      config: image.config ?? {},
      rootfs: { type: 'layers', diff_ids: diffIds },
      history: diffIds.map((_, index) => ({
        created: '2026-01-02T03:04:05Z',
        created_by: `layer ${index}`,
      })),
    }),
  );
  const pack = {
    none: (tar: Buffer) => tar,
    gzip: (tar: Buffer) => gzipSync(tar),
    go: goGzip,
    zstd: zstdCompressSync,
  }[image.compress ?? 'none'];
  const blobs = tars.map(tar => {
    const bytes = pack(tar);
    return { digest: sha256(bytes), bytes };
  });
  return { configJson, configDigest: sha256(configJson), diffIds, blobs };
}

/** A Docker archive (`docker save` before 25): manifest.json, `<id>.json`, `<id>/layer.tar`. */
export function dockerArchive(images: readonly TestImage[]): Buffer {
  const entries: LayerEntry[] = [];
  const manifest = images.map(image => {
    const built = buildImage(image);
    const Config = `${built.configDigest.slice(7)}.json`;
    entries.push({ path: Config, content: built.configJson });
    const Layers = built.blobs.map(({ digest, bytes }) => {
      const path = `${digest.slice(7)}/layer.tar`;
      if (!entries.some(entry => entry.path === path)) entries.push({ path, content: bytes });
      return path;
    });
    return { Config, RepoTags: image.tags.length > 0 ? image.tags : null, Layers };
  });
  return tarOf([...entries, { path: 'manifest.json', content: JSON.stringify(manifest) }]);
}

/** An OCI layout: index.json with one manifest per image. `names` go to the annotation `name`. */
export function ociArchive(
  images: readonly TestImage[],
  options: {
    /** annotation for the first tag; default as containerd and Docker do */
    readonly annotation?: string;
    /** puts all manifests into one index with platforms, as for several architectures */
    readonly isNested?: boolean;
    readonly withDockerManifest?: boolean;
  } = {},
): Buffer {
  const { annotation = 'io.containerd.image.name', isNested = false } = options;
  const blobs = new Map<string, Buffer>();
  const docker: object[] = [];
  const manifests = images.map(image => {
    const built = buildImage(image);
    for (const { digest, bytes } of built.blobs) blobs.set(digest, bytes);
    blobs.set(built.configDigest, built.configJson);
    docker.push({
      Config: blobPath(built.configDigest),
      RepoTags: image.tags,
      Layers: built.blobs.map(({ digest }) => blobPath(digest)),
    });
    const suffix = { none: '', gzip: '+gzip', go: '+gzip', zstd: '+zstd' }[image.compress ?? 'none'];
    const manifest = ociManifest(built, suffix);
    blobs.set(sha256(manifest), manifest);
    return {
      ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
      ...(isNested
        ? { platform: { os: image.os ?? 'linux', architecture: image.architecture ?? HOST_ARCHITECTURE } }
        : {}),
      ...(image.tags[0] === undefined ? {} : { annotations: { [annotation]: image.tags[0] } }),
    };
  });
  let top: object[] = manifests;
  if (isNested) {
    const type = 'application/vnd.oci.image.index.v1+json';
    const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }));
    blobs.set(sha256(inner), inner);
    top = [{ ...descriptor(type, inner), annotations: manifests[0]?.annotations ?? {} }];
  }
  return layoutTar(
    blobs,
    { schemaVersion: 2, manifests: top },
    options.withDockerManifest ? docker : undefined,
  );
}

/** The tar of an OCI layout with these blobs. */
export function layoutTar(
  blobs: ReadonlyMap<string, Buffer>,
  index: object,
  docker?: readonly object[],
): Buffer {
  return tarOf([
    { path: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { path: 'index.json', content: JSON.stringify(index) },
    ...[...blobs].map(([digest, content]) => ({ path: blobPath(digest), content })),
    ...(docker ? [{ path: 'manifest.json', content: JSON.stringify(docker) }] : []),
  ]);
}

export function descriptor(mediaType: string, bytes: Buffer) {
  return { mediaType, digest: sha256(bytes), size: bytes.length };
}

export function ociManifest(built: BuiltImage, suffix = ''): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', built.configJson),
      layers: built.blobs.map(({ bytes }) =>
        descriptor(`application/vnd.oci.image.layer.v1.tar${suffix}`, bytes),
      ),
    }),
  );
}

export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** Writes a file so that several test processes can ask for it at once. */
export async function writeShared(path: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}

/** Where archives that several test files share are kept between runs. */
export function sharedFixture(name: string): string {
  return join(tmpdir(), `quai-test-fixtures-${process.getuid?.() ?? 0}`, name);
}
