import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { RegistryClient } from '#distribution/registry-client';
import type { SearchHit } from '#distribution/search';
import { reply } from '#http/reply';
import { type Route, route } from '#http/route';
import { queryFilters } from '#spec/docker/filters';
import { queryInteger, queryText } from '#spec/docker/query';
import { RegistryAuth } from '#spec/docker/registry-auth';
import { parseImageConfig } from '#spec/oci/image-config';
import { parseManifest } from '#spec/oci/manifest';
import { normalizePlatform, type Platform } from '#spec/oci/platform';
import { parseReference } from '#spec/reference';
import { credentialsOf, sentCredentials } from './registry-credentials.ts';

export type RegistryApi = Pick<RegistryClient, 'attach' | 'login' | 'search' | 'repository' | 'copy'>;

const DEFAULT_LIMIT = 25;
const MOST_HITS = 100;

/** What clients ask of registries through the engine. */
export function registryRoutes(registries: RegistryApi): Route[] {
  return [
    route('POST', '/auth', { body: RegistryAuth }, async ({ body, signal }) => {
      const { identityToken } = await registries.login(body.serveraddress, credentialsOf(body), { signal });
      return reply.json({ Status: 'Login Succeeded', IdentityToken: identityToken });
    }),
    route('GET', '/images/search', { query: SearchQuery }, async ({ query, headers, signal }) => {
      const { term, filters } = query;
      const limit = query.limit || DEFAULT_LIMIT;
      if (term === '') throw new EngineError('invalid', 'a search needs a term');
      // Docker's wording
      if (limit < 1 || limit > MOST_HITS)
        throw new EngineError('invalid', `limit ${limit} is outside the range of [1, ${MOST_HITS}]`);
      const hits = await registries.search(term, sentCredentials(headers), { limit, signal });
      return reply.json(hits.filter(hit => fits(hit, filters)).map(hitToWire));
    }),
    route('GET', '/distribution/{name}/json', {}, async ({ params: { name }, headers, signal }) => {
      const reference = parseReference(name);
      const repository = registries.repository(reference, sentCredentials(headers));
      const asked = reference.digest ?? reference.tag ?? 'latest';
      const { descriptor, bytes } = await repository.manifest(asked, { signal });
      const { mediaType, digest, size } = descriptor;
      const document = parseManifest(bytes, mediaType, `manifest ${digest}`);
      const platforms =
        document.kind === 'index'
          ? document.index.manifests.flatMap(({ platform }) => (platform ? [platform] : []))
          : [platformIn(await repository.blob(document.manifest.config, { signal }))];
      return reply.json({
        Descriptor: { mediaType, digest, size },
        Platforms: platforms.map(platformToWire),
      });
    }),
  ];
}

const SearchQuery = v.object({
  term: queryText,
  limit: queryInteger,
  filters: queryFilters(['is-official', 'is-automated', 'stars']),
});

function fits(hit: SearchHit, filters: ReadonlyMap<string, readonly string[]>): boolean {
  const stars = Math.max(0, ...(filters.get('stars') ?? []).map(numberOf));
  return (
    hit.starCount >= stars &&
    agrees(filters.get('is-official'), hit.isOfficial) &&
    agrees(filters.get('is-automated'), hit.isAutomated)
  );
}

function numberOf(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new EngineError('invalid', `invalid filter 'stars=${value}'`); // Docker's wording
}

function agrees(wanted: readonly string[] | undefined, is: boolean): boolean {
  return wanted === undefined || wanted.some(value => /^(1|true)$/i.test(value) === is);
}

function hitToWire({ name, description, starCount, isOfficial, isAutomated }: SearchHit) {
  return {
    name,
    description,
    star_count: starCount,
    is_official: isOfficial,
    is_automated: isAutomated,
  };
}

function platformIn(config: Buffer): Platform {
  return normalizePlatform(parseImageConfig(config));
}

function platformToWire({ os, architecture, variant = '' }: Platform) {
  return { architecture, os, ...(variant === '' ? {} : { variant }) };
}
