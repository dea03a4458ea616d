import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type BytesReply, reply } from '#http/reply';
import type { RawQuery, Route } from '#http/route';
import type { RepositoryOrder, Viewer } from '../hub-services.ts';
import { pageOf, placeOf } from '../paging.ts';
import { type ApiDeps, type ApiRequest, apiRoute, queryNumber, queryText } from './api-route.ts';
import { wirePage, wireRepository, wireRepositoryDetails, wireTag } from './api-wire.ts';

const Text = v.nullish(v.string());
const NewRepository = v.object({
  name: v.string(),
  namespace: Text,
  description: Text,
  full_description: Text,
  is_private: v.nullish(v.boolean()),
});
const Change = v.object({ description: Text, full_description: Text, is_private: v.nullish(v.boolean()) });
const Privacy = v.object({ is_private: v.boolean() });

/** Repositories and their tags, under the paths of Docker Hub's API: the older ones and those that begin with the namespace. */
export function repositoryRoutes(deps: ApiDeps): Route[] {
  const create = ({ viewer, param, body }: ApiRequest<v.InferOutput<typeof NewRepository>>): BytesReply => {
    const namespace = param('namespace') || (body.namespace ?? viewer?.name ?? '');
    const name = `${namespace}/${body.name}`;
    const { repositories } = deps.services;
    const made = repositories.create(viewer, {
      name,
      description: body.description ?? '',
      ...(typeof body.is_private === 'boolean' && { isPrivate: body.is_private }),
    });
    if (body.full_description) repositories.update(viewer, name, { overview: body.full_description });
    return { ...details(deps, viewer, made.name), status: 201 };
  };
  const input = { body: NewRepository, permission: 'write' as const };
  return [
    ...apiRoute(deps, ['POST', '/v2/repositories'], input, create),
    ...apiRoute(deps, ['POST', '/v2/namespaces/{namespace}/repositories'], input, create),
    ...forms('/v2/repositories/{namespace}/{repository}').flatMap(pattern => tagRoutes(deps, pattern)),
    ...forms('/v2/repositories/{namespace}/{repository}').flatMap(pattern => oneRoutes(deps, pattern)),
    ...['/v2/repositories/{namespace}', '/v2/namespaces/{namespace}/repositories'].flatMap(pattern =>
      apiRoute(deps, ['GET', pattern], {}, request => list(deps, request)),
    ),
  ];
}

/** Both ways to write a repository's path. */
function forms(path: string): string[] {
  return [path, path.replace('/v2/repositories/{namespace}', '/v2/namespaces/{namespace}/repositories')];
}

function nameOf({ param }: Pick<ApiRequest<unknown>, 'param'>): string {
  return `${param('namespace')}/${param('repository')}`;
}

function tagRoutes(deps: ApiDeps, pattern: string): Route[] {
  const { repositories } = deps.services;
  const find = (request: ApiRequest<unknown>) => {
    const name = nameOf(request);
    const tag = repositories.tags(request.viewer, name).find(record => record.tag === request.param('tag'));
    if (tag) return { name, tag };
    throw new EngineError('notFound', `no such tag: ${name}:${request.param('tag')}`);
  };
  return [
    ...apiRoute(deps, ['GET', `${pattern}/tags/{tag}`], {}, request => {
      const { name, tag } = find(request);
      return reply.json(wireTag(name, tag));
    }),
    ...apiRoute(deps, ['DELETE', `${pattern}/tags/{tag}`], {}, request => {
      const { name, tag } = find(request);
      repositories.removeTag(request.viewer, name, tag.tag);
      return reply.noContent();
    }),
    ...apiRoute(deps, ['GET', `${pattern}/tags`], {}, request => {
      const { viewer, query, path } = request;
      const name = nameOf(request);
      const wanted = queryText(query, 'name') ?? '';
      const tags = repositories.tags(viewer, name).filter(({ tag }) => tag.includes(wanted));
      const place = placeOf(pagingOf(query));
      const part = tags.slice(place.offset, place.offset + place.limit);
      const page = pageOf(place, part, tags.length);
      return reply.json(
        wirePage(page, tag => wireTag(name, tag), { publicUrl: deps.publicUrl, path, query }),
      );
    }),
  ];
}

function oneRoutes(deps: ApiDeps, pattern: string): Route[] {
  const { repositories } = deps.services;
  return [
    ...apiRoute(deps, ['GET', pattern], {}, request => details(deps, request.viewer, nameOf(request))),
    ...apiRoute(deps, ['PATCH', pattern], { body: Change }, request => {
      const { description, full_description: overview, is_private: isPrivate } = request.body;
      repositories.update(request.viewer, nameOf(request), {
        ...(typeof description === 'string' && { description }),
        ...(typeof overview === 'string' && { overview }),
        ...(typeof isPrivate === 'boolean' && { isPrivate }),
      });
      return details(deps, request.viewer, nameOf(request));
    }),
    ...apiRoute(deps, ['DELETE', pattern], {}, request => {
      repositories.remove(request.viewer, nameOf(request));
      return reply.empty(202);
    }),
    ...apiRoute(deps, ['POST', `${pattern}/privacy`], { body: Privacy }, request => {
      repositories.update(request.viewer, nameOf(request), { isPrivate: request.body.is_private });
      return reply.json({});
    }),
  ];
}

function details({ services }: ApiDeps, viewer: Viewer, name: string): BytesReply {
  const { repositories } = services;
  const repository = repositories.get(viewer, name);
  return reply.json(
    wireRepositoryDetails(repository, {
      permission: repositories.permission(viewer, name),
      isStarred: repositories.isStarred(viewer, name),
    }),
  );
}

function list(deps: ApiDeps, { viewer, param, query, path }: ApiRequest<unknown>): BytesReply {
  const text = queryText(query, 'name');
  const page = deps.services.repositories.search(viewer, {
    namespace: param('namespace').replace(/\/+$/, ''),
    ...(text !== undefined && { text }),
    order: orderOf(queryText(query, 'ordering')),
    ...pagingOf(query),
  });
  return reply.json(wirePage(page, wireRepository, { publicUrl: deps.publicUrl, path, query }));
}

function pagingOf(query: RawQuery): { readonly page: number; readonly pageSize: number } {
  return { page: queryNumber(query, 'page') ?? 1, pageSize: queryNumber(query, 'page_size') ?? 10 };
}

/** Each way is gone only in the direction in which it is useful. */
function orderOf(ordering: string | undefined): RepositoryOrder {
  switch ((ordering ?? '').replace(/^-/, '')) {
    case 'name':
      return 'name';
    case 'pull_count':
      return 'pulls';
    case 'star_count':
      return 'stars';
    default:
      return 'pushed';
  }
}
