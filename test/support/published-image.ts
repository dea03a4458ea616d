import assert from 'node:assert/strict';
import {
  buildImage,
  descriptor,
  HOST_ARCHITECTURE,
  ociManifest,
  sha256,
  type TestImage,
} from './image-archive.ts';

export interface Published {
  /** of the manifest, or of the index for several images */
  readonly digest: `sha256:${string}`;
  readonly manifests: readonly Buffer[];
  readonly layers: readonly { readonly digest: `sha256:${string}`; readonly bytes: Buffer }[];
}

const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/**
 * Puts an image under a name of a registry, by requests of its own; several, for several platforms, under an index.
 *
 * @param host `127.0.0.1:port`
 */
export async function publish(
  host: string,
  repository: string,
  tag: string,
  images: readonly Omit<TestImage, 'tags'>[],
): Promise<Published> {
  const built = images.map(image => ({ image, parts: buildImage({ compress: 'gzip', ...image, tags: [] }) }));
  const layers = built.flatMap(({ parts }) => parts.blobs);
  for (const bytes of [...layers.map(layer => layer.bytes), ...built.map(({ parts }) => parts.configJson)]) {
    await putBlob(host, repository, bytes);
  }
  const entries = built.map(({ image, parts }) => {
    const suffix = { none: '', gzip: '+gzip', go: '+gzip', zstd: '+zstd' }[image.compress ?? 'gzip'];
    return { image, manifest: ociManifest(parts, suffix) };
  });
  const [first] = entries;
  assert.ok(first, 'at least one image');
  if (entries.length === 1) {
    const digest = await putManifest(host, repository, tag, first.manifest);
    return { digest, manifests: [first.manifest], layers };
  }
  for (const { manifest } of entries) await putManifest(host, repository, sha256(manifest), manifest);
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: entries.map(({ image, manifest }) => ({
        ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
        platform: { os: image.os ?? 'linux', architecture: image.architecture ?? HOST_ARCHITECTURE },
      })),
    }),
  );
  const digest = await putManifest(host, repository, tag, index);
  return { digest, manifests: entries.map(({ manifest }) => manifest), layers };
}

export async function putBlob(host: string, repository: string, bytes: Buffer): Promise<void> {
  const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  assert.equal(begun.status, 202);
  const place = new URL(begun.headers.get('location') ?? assert.fail('no place to upload to'), begun.url);
  place.searchParams.set('digest', sha256(bytes));
  const done = await fetch(place, {
    method: 'PUT',
    body: new Uint8Array(bytes),
    headers: { 'content-type': 'application/octet-stream' },
  });
  assert.equal(done.status, 201, await done.text());
}

/** @returns the digest of the manifest. */
export async function putManifest(
  host: string,
  repository: string,
  name: string,
  manifest: Buffer,
): Promise<`sha256:${string}`> {
  const { mediaType } = JSON.parse(manifest.toString()) as { mediaType: string };
  const done = await fetch(`http://${host}/v2/${repository}/manifests/${name}`, {
    method: 'PUT',
    body: new Uint8Array(manifest),
    headers: { 'content-type': mediaType },
  });
  assert.equal(done.status, 201, await done.text());
  return sha256(manifest);
}
