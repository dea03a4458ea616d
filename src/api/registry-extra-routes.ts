import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { Repository } from '#distribution/repository';
import { reply } from '#http/reply';
import { type Route, type RouteRequest, route } from '#http/route';
import { queryText } from '#spec/docker/query';
import { registryAuthOf } from '#spec/docker/registry-auth';
import { parseReference } from '#spec/reference';
import { credentialsOf } from './registry-credentials.ts';
import type { RegistryApi } from './registry-routes.ts';

/** More tags than anyone reads; a registry could go on for ever. */
const MOST_TAGS = 20_000;

const NameQuery = v.object({ name: queryText });
type NameRequest = RouteRequest<unknown, v.InferOutput<typeof NameQuery>, undefined>;

/** What Docker's command line asks of registries by itself: ours asks the engine, which knows mirrors and authorities. */
export function registryExtraRoutes(registries: Pick<RegistryApi, 'repository'>): Route[] {
  return [
    route('GET', '/quai/registry/tags', { query: NameQuery }, async request => {
      const tags: string[] = [];
      for await (const tag of repositoryOf(registries, request).tags({ signal: request.signal })) {
        if (tags.push(tag) >= MOST_TAGS) break;
      }
      return reply.json({ Name: request.query.name, Tags: tags });
    }),
    route('GET', '/quai/registry/manifest', { query: NameQuery }, async request => {
      const { tag, digest } = parseReference(request.query.name);
      const repository = repositoryOf(registries, request);
      const { descriptor, bytes } = await repository.manifest(digest ?? tag ?? 'latest', {
        signal: request.signal,
      });
      return reply.json({
        Descriptor: { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size },
        Raw: bytes.toString('base64'),
      });
    }),
  ];
}

function repositoryOf(
  registries: Pick<RegistryApi, 'repository'>,
  { query: { name }, headers }: Pick<NameRequest, 'query' | 'headers'>,
): Repository {
  if (name === '') throw new EngineError('invalid', 'a name is needed: ?name=registry/repository');
  return registries.repository(parseReference(name), credentialsOf(registryAuthOf(headers)));
}
