import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { descriptor } from './image-archive.ts';
import { putBlob, putManifest } from './published-image.ts';

export interface TestKey {
  readonly publicPem: string;
  readonly privateKey: KeyObject;
}

export function newKey(type: 'ec' | 'ed25519' = 'ec'): TestKey {
  const { publicKey, privateKey } =
    type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  return { publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey };
}

/** What `cosign sign --key` says about a manifest. */
export function statement(digest: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': '' },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
}

export function signatureOf(payload: Buffer, { privateKey }: TestKey): Buffer {
  return sign(privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256', payload, privateKey);
}

/** Puts a signature beside an image, as `cosign sign` does. */
export async function signAt(
  host: string,
  repository: string,
  digest: string,
  key: TestKey,
  payload: Buffer = statement(digest),
): Promise<void> {
  const config = Buffer.from('{}');
  for (const bytes of [payload, config]) await putBlob(host, repository, bytes);
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [
      {
        ...descriptor('application/vnd.dev.cosign.simplesigning.v1+json', payload),
        annotations: {
          'dev.cosignproject.cosign/signature': signatureOf(payload, key).toString('base64'),
        },
      },
    ],
  };
  await putManifest(
    host,
    repository,
    `${digest.replace(':', '-')}.sig`,
    Buffer.from(JSON.stringify(manifest)),
  );
}
