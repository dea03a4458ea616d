import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EMPTY_CONFIG } from '#spec/oci/empty-config';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { artifactManifest, BACKUP_ARTIFACT_TYPE, parseArtifact } from './backup-artifact.ts';

const DIGEST = `sha256:${'1'.repeat(64)}` as const;
const MADE = {
  volume: 'db',
  driver: 'local',
  createdAt: '2026-11-27T10:00:00.000Z',
  archive: { digest: DIGEST, size: 10 },
};

describe('backup artifacts', () => {
  test('what is written is an artifact as the specification has it, and is read back', () => {
    const bytes = artifactManifest(MADE);
    const manifest = JSON.parse(bytes.toString());
    assert.equal(manifest.artifactType, BACKUP_ARTIFACT_TYPE);
    assert.deepEqual(manifest.config, {
      mediaType: 'application/vnd.oci.empty.v1+json',
      digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', // as the specification gives it
      size: 2,
      data: 'e30=',
    });
    assert.equal(EMPTY_CONFIG.bytes.toString(), '{}');
    const { archive, ...rest } = parseArtifact(bytes, MEDIA_TYPES.ociManifest, 'x');
    assert.deepEqual(rest, { volume: 'db', driver: 'local', createdAt: MADE.createdAt });
    assert.deepEqual([archive.digest, archive.size], [DIGEST, 10]);
  });

  test('what is no backup is refused, and named', () => {
    const good = JSON.parse(artifactManifest(MADE).toString());
    const layer = good.layers[0];
    for (const [change, message] of [
      [{ artifactType: undefined }, /is no backup of a volume: it is application\/vnd.oci.empty/],
      [{ artifactType: 'application/spdx+json' }, /it is application\/spdx\+json, not/],
      [{ layers: [] }, /has one layer/],
      [{ layers: [layer, layer] }, /has one layer/],
      [{ layers: [{ ...layer, mediaType: 'application/octet-stream' }] }, /has one layer/],
      [{ layers: [{ ...layer, digest: 'sha256:../../etc/passwd' }] }, /not a sha256 digest/],
      [{ layers: [{ ...layer, size: -1 }] }, /layers/],
      [{ manifests: [] }, /ambiguous/],
      [{ artifactType: 7 }, /artifactType/],
    ] as const) {
      const bytes = Buffer.from(JSON.stringify({ ...good, ...change }));
      assert.throws(() => parseArtifact(bytes, MEDIA_TYPES.ociManifest, 'reg/x:1'), {
        kind: 'invalid',
        message,
      });
    }
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, manifests: [], artifactType: BACKUP_ARTIFACT_TYPE }),
    );
    assert.throws(() => parseArtifact(index, MEDIA_TYPES.ociIndex, 'reg/x:1'), { message: /it is an index/ });
  });
});
