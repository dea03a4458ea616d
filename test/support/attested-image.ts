import {
  buildImage,
  descriptor,
  HOST_ARCHITECTURE,
  type LayerEntry,
  ociManifest,
  sha256,
} from './image-archive.ts';
import { putBlob, putManifest } from './published-image.ts';

type Hash = `sha256:${string}`;

export interface AttestedImage {
  /** of the index */
  readonly digest: Hash;
  /** of the image in it */
  readonly image: Hash;
  /** of the manifest with the attestations */
  readonly attestation: Hash;
  readonly statements: readonly Buffer[];
  /** everything by its digest, for an archive */
  readonly blobs: ReadonlyMap<string, Buffer>;
}

const IN_TOTO = 'application/vnd.in-toto+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

/** A statement as BuildKit writes them; with a number and white space that only its exact bytes have. */
export function statementAbout(image: string, predicateType: string): Buffer {
  const subject = JSON.stringify([{ name: 'pkg:docker/x', digest: { sha256: image.slice(7) } }]);
  return Buffer.from(
    `{ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": ${JSON.stringify(predicateType)},\n` +
      `  "subject": ${subject}, "predicate": { "exact": 12345678901234567890 } }`,
  );
}

/** An image as BuildKit pushes it: an index of the image and of a manifest with what is said about it. */
export async function publishAttested(
  host: string,
  repository: string,
  tag: string,
  {
    layers,
    config,
    statements = image => [
      statementAbout(image, 'https://slsa.dev/provenance/v1'),
      statementAbout(image, 'https://spdx.dev/Document'),
    ],
    annotate = bytes => ({
      'in-toto.io/predicate-type': (JSON.parse(bytes.toString()) as { predicateType: string }).predicateType,
    }),
  }: {
    readonly layers: readonly (readonly LayerEntry[])[];
    readonly config?: Readonly<Record<string, unknown>>;
    readonly statements?: (image: Hash) => readonly Buffer[];
    readonly annotate?: (statement: Buffer) => Readonly<Record<string, string>>;
  },
): Promise<AttestedImage> {
  const built = buildImage({ tags: [], layers, compress: 'gzip', ...(config ? { config } : {}) });
  for (const { bytes } of built.blobs) await putBlob(host, repository, bytes);
  await putBlob(host, repository, built.configJson);
  const manifest = ociManifest(built, '+gzip');
  const image = await putManifest(host, repository, sha256(manifest), manifest);
  const said = statements(image);
  for (const bytes of said) await putBlob(host, repository, bytes);
  const empty = Buffer.from(
    '{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}',
  );
  await putBlob(host, repository, empty);
  const attestation = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: descriptor('application/vnd.oci.image.config.v1+json', empty),
      layers: said.map(bytes => ({ ...descriptor(IN_TOTO, bytes), annotations: annotate(bytes) })),
    }),
  );
  await putManifest(host, repository, sha256(attestation), attestation);
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [
        { ...descriptor(MANIFEST, manifest), platform: { os: 'linux', architecture: HOST_ARCHITECTURE } },
        {
          ...descriptor(MANIFEST, attestation),
          platform: { os: 'unknown', architecture: 'unknown' },
          annotations: {
            'vnd.docker.reference.digest': image,
            'vnd.docker.reference.type': 'attestation-manifest',
          },
        },
      ],
    }),
  );
  const digest = await putManifest(host, repository, tag, index);
  const all = [
    ...built.blobs.map(({ bytes }) => bytes),
    built.configJson,
    manifest,
    ...said,
    empty,
    attestation,
    index,
  ];
  const blobs = new Map(all.map(bytes => [sha256(bytes), bytes]));
  return { digest, image, attestation: sha256(attestation), statements: said, blobs };
}

/** Something about an image, as OCI 1.1 has it: a manifest with a subject. */
export function artifact(
  subject: { readonly digest: string; readonly size: number },
  type: string,
  blob: Buffer,
  layerType = type,
): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      artifactType: type,
      config: descriptor('application/vnd.oci.empty.v1+json', Buffer.from('{}')),
      layers: [descriptor(layerType, blob)],
      subject: { mediaType: MANIFEST, ...subject },
      annotations: { 'org.opencontainers.image.created': '2026-01-02T03:04:05Z' },
    }),
  );
}
