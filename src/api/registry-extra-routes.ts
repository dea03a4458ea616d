import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { digestOf } from '#base/ids';
import type { CopyProgress } from '#distribution/image-copy';
import type { Repository } from '#distribution/repository';
import { reply } from '#http/reply';
import { type Route, type RouteRequest, route } from '#http/route';
import { goBody } from '#spec/docker/fold-keys';
import { flag, text } from '#spec/docker/lenient';
import { queryFlag, queryText } from '#spec/docker/query';
import { RegistryAuth } from '#spec/docker/registry-auth';
import { platformInConfig } from '#spec/oci/config-platform';
import { MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import { parseReference } from '#spec/reference';
import { progressReply } from './progress-reply.ts';
import { credentialsOf, sentCredentials } from './registry-credentials.ts';
import type { RegistryApi } from './registry-routes.ts';

/** More tags than anyone reads; a registry could go on for ever. */
const MOST_TAGS = 20_000;

const NameQuery = v.object({ name: queryText });
/** Credentials for two registries do not fit the one header. */
const CopyRequest = goBody(
  v.object({ From: text, To: text, FromAuth: RegistryAuth, ToAuth: RegistryAuth, Referrers: flag }),
);
const ManifestQuery = v.object({ name: queryText, platform: queryFlag });
/** As registries bound them. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const PutRequest = goBody(
  v.object({
    MediaType: v.pipe(v.string(), v.regex(/^application\/[\w.+-]{1,120}$/, 'not a media type')),
    Raw: v.pipe(v.string(), v.base64('not base64'), v.maxLength((MAX_MANIFEST_BYTES * 4) / 3)),
  }),
);
const CONFIG_TYPES: readonly string[] = [MEDIA_TYPES.ociConfig, MEDIA_TYPES.dockerConfig];
type NameRequest = RouteRequest<unknown, v.InferOutput<typeof NameQuery>, undefined>;

/** What Docker's command line asks of registries by itself: ours asks the engine, which knows mirrors and authorities. */
export function registryExtraRoutes(registries: Pick<RegistryApi, 'repository' | 'copy'>): Route[] {
  return [
    route('GET', '/quai/registry/tags', { query: NameQuery }, async request => {
      const tags: string[] = [];
      for await (const tag of repositoryOf(registries, request).tags({ signal: request.signal })) {
        if (tags.push(tag) >= MOST_TAGS) break;
      }
      return reply.json({ Name: request.query.name, Tags: tags });
    }),
    route('GET', '/quai/registry/manifest', { query: ManifestQuery }, async request => {
      const { tag, digest } = parseReference(request.query.name);
      const repository = repositoryOf(registries, request);
      const { descriptor, bytes } = await repository.manifest(digest ?? tag ?? 'latest', {
        signal: request.signal,
      });
      const document = parseManifest(bytes, descriptor.mediaType, `manifest ${descriptor.digest}`);
      const config = document.kind === 'manifest' ? document.manifest.config : undefined;
      const isAsked = request.query.platform && config && CONFIG_TYPES.includes(config.mediaType);
      const platform = isAsked
        ? { Platform: platformInConfig(await repository.blob(config, { signal: request.signal })) }
        : {};
      return reply.json({
        Descriptor: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
        Raw: bytes.toString('base64'),
        ...platform,
      });
    }),
    route(
      'PUT',
      '/quai/registry/manifest',
      { query: NameQuery, body: PutRequest },
      async ({ query, headers, body, signal }) => {
        const { tag, digest } = parseReference(query.name);
        const bytes = Buffer.from(body.Raw, 'base64');
        parseManifest(bytes, body.MediaType, 'the manifest');
        if (digest !== undefined && digest !== digestOf(bytes)) {
          throw new EngineError('invalid', `the manifest has the digest ${digestOf(bytes)}, not ${digest}`);
        }
        const repository = repositoryOf(registries, { query, headers });
        const name = digest ?? tag ?? 'latest';
        const stored = await repository.putManifest(name, body.MediaType, bytes, { signal });
        return reply.json({ Digest: stored });
      },
    ),
    route('POST', '/quai/registry/copy', { body: CopyRequest }, ({ body, signal }) =>
      progressReply(async emit => {
        const from = { reference: parseReference(body.From), credentials: credentialsOf(body.FromAuth) };
        const to = { reference: parseReference(body.To), credentials: credentialsOf(body.ToAuth) };
        emit({ status: `Copying ${body.From} to ${body.To}` });
        const digest = await registries.copy(from, to, {
          signal,
          withReferrers: body.Referrers,
          onProgress: one => emit(progressLine(one)),
        });
        emit({ status: `Digest: ${digest}` });
        emit({ aux: { Digest: digest } });
      }),
    ),
  ];
}

function repositoryOf(
  registries: Pick<RegistryApi, 'repository'>,
  { query: { name }, headers }: Pick<NameRequest, 'query' | 'headers'>,
): Repository {
  if (name === '') throw new EngineError('invalid', 'a name is needed: ?name=registry/repository');
  return registries.repository(parseReference(name), sentCredentials(headers));
}

const STATES = {
  exists: 'Already exists',
  mounted: 'Mounted',
  sending: 'Copying',
  sent: 'Copied',
} as const satisfies Record<CopyProgress['state'], string>;

/** As the lines of a push. */
function progressLine({ digest, state, sentBytes, size }: CopyProgress): object {
  const progressDetail = state === 'sending' ? { current: sentBytes, total: size } : {};
  return { status: STATES[state], progressDetail, id: digest.replace(/^sha256:/, '').slice(0, 12) };
}
