import { reply } from '#http/reply';
import type { Route } from '#http/route';
import type { HubRepository } from '../hub-records.ts';
import { type ApiDeps, apiRoute, queryNumber, queryText } from './api-route.ts';
import { wirePage } from './api-wire.ts';

/** What `docker search HOST/words` asks (version 1 of the registry API), and the search of Docker Hub's site. */
export function searchRoutes(deps: ApiDeps): Route[] {
  const { services, publicUrl } = deps;
  return [
    ...apiRoute(deps, ['GET', '/v1/_ping'], { isOpen: true }, () => {
      const answer = reply.json({ standalone: true });
      return { ...answer, headers: { ...answer.headers, 'X-Docker-Registry-Standalone': 'true' } };
    }),
    ...apiRoute(deps, ['GET', '/v1/search'], { takesRegistryTokens: true }, ({ viewer, query }) => {
      const text = queryText(query, 'q') ?? '';
      const pageSize = queryNumber(query, 'n') ?? 25;
      const found = services.repositories.search(viewer, {
        text,
        pageSize,
        page: queryNumber(query, 'page') ?? 1,
      });
      return reply.json({
        num_pages: Math.ceil(found.total / found.pageSize),
        num_results: found.total,
        page: found.page,
        page_size: found.pageSize,
        query: text,
        results: found.items.map(indexEntry),
      });
    }),
    ...apiRoute(deps, ['GET', '/v2/search/repositories'], {}, ({ viewer, query, path }) => {
      const found = services.repositories.search(viewer, {
        text: queryText(query, 'query') ?? queryText(query, 'q') ?? '',
        pageSize: queryNumber(query, 'page_size') ?? 25,
        page: queryNumber(query, 'page') ?? 1,
      });
      return reply.json(wirePage(found, siteEntry, { publicUrl, path, query }));
    }),
  ];
}

function indexEntry({ name, description, stars, pulls, isOfficial }: HubRepository) {
  return {
    name,
    description,
    star_count: stars,
    pull_count: pulls,
    is_official: isOfficial,
    is_automated: false,
    is_trusted: false,
  };
}

function siteEntry({ name, namespace, description, stars, pulls, isOfficial }: HubRepository) {
  return {
    repo_name: name,
    short_description: description,
    star_count: stars,
    pull_count: pulls,
    repo_owner: namespace,
    is_automated: false,
    is_official: isOfficial,
  };
}
