import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { text } from '#spec/docker/lenient';
import { EMPTY_CONFIG } from '#spec/oci/empty-config';
import { parseDocument } from '#spec/oci/json';
import { type Descriptor, MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';

/** Tells a backup of a volume from all else that registries keep (OCI image spec 1.1, "Guidelines for Artifact Usage"). */
export const BACKUP_ARTIFACT_TYPE = 'application/vnd.quai.volume.backup.v1';

const CREATED = 'org.opencontainers.image.created';
const TITLE = 'org.opencontainers.image.title';
const VOLUME = 'quai.volume.name';
const DRIVER = 'quai.volume.driver';
const ARCHIVE_TYPES: readonly string[] = ['', '+gzip', '+zstd'].map(
  suffix => `${MEDIA_TYPES.ociLayer}${suffix}`,
);

/** A backup at a registry. */
export interface BackupArtifact {
  readonly volume: string;
  readonly driver: string;
  /** as it stands in the artifact; empty when it does not say */
  readonly createdAt: string;
  readonly archive: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>;
}

/**
 * The manifest of a backup whose archive, a tar compressed with zstd, is at the registry. Labels and options of the volume stay
 * out of it: options may hold passwords of file servers.
 */
export function artifactManifest(about: {
  readonly volume: string;
  readonly driver: string;
  readonly createdAt: string;
  readonly archive: { readonly digest: Digest; readonly size: number };
}): Buffer {
  const { volume, driver, createdAt, archive } = about;
  const { mediaType, digest, size, bytes } = EMPTY_CONFIG;
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType: BACKUP_ARTIFACT_TYPE,
      config: { mediaType, digest, size, data: bytes.toString('base64') },
      layers: [
        {
          mediaType: `${MEDIA_TYPES.ociLayer}+zstd`,
          digest: archive.digest,
          size: archive.size,
          annotations: { [TITLE]: `${volume}.tar.zst` },
        },
      ],
      annotations: { [CREATED]: createdAt, [TITLE]: volume, [VOLUME]: volume, [DRIVER]: driver },
    }),
  );
}

/** @param name how the user called it. @throws {EngineError} `invalid` for what is no backup of a volume. */
export function parseArtifact(bytes: Buffer, mediaType: string, name: string): BackupArtifact {
  const document = parseManifest(bytes, mediaType, name);
  const { artifactType } = parseDocument(v.object({ artifactType: text }), bytes, name);
  if (document.kind === 'index' || artifactType !== BACKUP_ARTIFACT_TYPE) {
    const type = document.kind === 'index' ? 'an index' : artifactType || document.manifest.config.mediaType;
    throw new EngineError(
      'invalid',
      `${name} is no backup of a volume: it is ${type.slice(0, 200)}, not ${BACKUP_ARTIFACT_TYPE}`,
    );
  }
  const { layers, annotations } = document.manifest;
  const [archive, ...others] = layers;
  if (!archive || others.length > 0 || !ARCHIVE_TYPES.includes(archive.mediaType)) {
    throw new EngineError(
      'invalid',
      `${name} cannot be restored: a backup of a volume has one layer, a tar that may be compressed with gzip or zstd`,
    );
  }
  return {
    volume: annotations[VOLUME] ?? '',
    driver: annotations[DRIVER] ?? '',
    createdAt: annotations[CREATED] ?? '',
    archive,
  };
}
