import { EngineError } from '#base/errors';
import { digestOf } from '#base/ids';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import type { ApiServerDeps } from './api-server.ts';

const FAKE_CONFIG = Buffer.from(
  '{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}',
);
const FAKE_MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(FAKE_CONFIG), size: FAKE_CONFIG.length },
    layers: [],
  }),
);

/** A registry that has one image, and lets everybody in but the user `nobody`. */
export function fakeRegistries(): ApiServerDeps['registries'] {
  const unused = (): never => {
    throw new TypeError('no route asks for this');
  };
  const descriptor = {
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf(FAKE_MANIFEST),
    size: FAKE_MANIFEST.length,
  };
  return {
    login: async (_server, { username }) => {
      if (username === 'nobody') throw new EngineError('unauthorized', 'incorrect username or password');
      return { identityToken: '' };
    },
    copy: async () => descriptor.digest,
    attach: async () => descriptor.digest,
    search: async term => [
      { name: term, description: 'a shell', starCount: 3, isOfficial: true, isAutomated: false },
    ],
    repository: () => ({
      rateLimit: undefined,
      manifest: async () => ({ descriptor, bytes: FAKE_MANIFEST }),
      blob: async () => FAKE_CONFIG,
      resolve: async () => descriptor,
      download: unused,
      hasBlob: unused,
      upload: unused,
      uploadStream: unused,
      read: unused,
      putManifest: unused,
      tags: unused,
      referrers: unused,
      deleteManifest: unused,
    }),
  };
}
