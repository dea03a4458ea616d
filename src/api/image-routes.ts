import type { IncomingHttpHeaders } from 'node:http';
import * as v from 'valibot';
import type { EventSink } from '#base/engine-event';
import { EngineError, notImplemented } from '#base/errors';
import type { ContainerService } from '#container/container-service';
import { type Reply, reply } from '#http/reply';
import { type Route, type RouteRequest, route } from '#http/route';
import type { Image } from '#image/image';
import type { PlatformChoice } from '#image/image-catalog';
import type { ImageService } from '#image/image-service';
import { queryFilters } from '#spec/docker/filters';
import { queryFlag, queryList, queryPlatform, queryPlatforms, queryText } from '#spec/docker/query';
import { type Platform, parsePlatform } from '#spec/oci/platform';
import { parseName, type Reference } from '#spec/reference';
import { filterImages, IMAGE_FILTERS } from './image-list.ts';
import { pruneImages } from './image-prune.ts';
import { deletionToWire, historyToWire, imageSummaryToWire, imageToWire } from './image-wire.ts';
import { manifestToWire, targetToWire } from './manifest-wire.ts';
import { progressReply, withoutPrompt } from './progress-reply.ts';
import { sentCredentials } from './registry-credentials.ts';
import { SharedLayers } from './shared-layers.ts';
import { withTag } from './with-tag.ts';

export interface ImageRouteDeps {
  readonly images: Pick<
    ImageService,
    | 'load'
    | 'import'
    | 'pull'
    | 'push'
    | 'list'
    | 'find'
    | 'get'
    | 'tag'
    | 'remove'
    | 'save'
    | 'target'
    | 'manifests'
    | 'storageDriver'
  >;
  readonly containers: Pick<ContainerService, 'usersOfImage'>;
  readonly events: EventSink;
}

export function imageRoutes(deps: ImageRouteDeps): Route[] {
  const { images } = deps;
  return [
    listRoute(deps),
    inspectRoute(deps),
    route(
      'GET',
      '/images/{name}/history',
      { query: v.object({ platform: queryPlatform }) },
      ({ params: { name }, query }) => reply.json(historyToWire(images.get(name, choiceOf(query)))),
    ),
    createRoute(images),
    pushRoute(images),
    ...archiveRoutes(images),
    route(
      'POST',
      '/images/{name}/tag',
      { query: v.object({ repo: queryText, tag: queryText }) },
      async ({ params: { name }, query: { repo, tag } }) => {
        await images.tag(name, tag === '' ? repo : `${repo}:${tag}`);
        return reply.empty(201);
      },
    ),
    ...removalRoutes(deps),
  ];
}

const ListQuery = v.object({
  all: queryFlag,
  filter: queryText,
  filters: queryFilters(IMAGE_FILTERS),
  manifests: queryFlag,
  'shared-size': queryFlag,
});

function listRoute({ images, containers }: ImageRouteDeps): Route {
  return route('GET', '/images/json', { query: ListQuery }, ({ query, version }) => {
    const filters = new Map(query.filters);
    if (query.filter !== '' && version < 41) filters.set('reference', [query.filter]);
    const shared = query['shared-size'] ? new SharedLayers(images.list()) : undefined;
    const users = (id: string): string[] => containers.usersOfImage(id).map(container => container.id);
    return reply.json(
      filterImages(images, filters).map(image => ({
        ...imageSummaryToWire(image, {
          version,
          containers: users(image.id).length,
          ...(shared ? { sharedBytes: shared.sharedBytes(image) } : {}),
        }),
        ...descriptorField(images, image.repoTags[0] ?? image.id, version),
        ...(query.manifests && version >= 47 ? manifestFields(images, image, users) : {}),
      })),
    );
  });
}

/** Beside its manifests an image is as large as all that is kept for them, so that it is never smaller than one of them. */
function manifestFields(
  images: Pick<ImageService, 'manifests'>,
  image: Image,
  users: (id: string) => string[],
) {
  const manifests = images.manifests(image.repoTags[0] ?? image.id).map(view => manifestToWire(view, users));
  const total = manifests.reduce((sum, { Size }) => sum + Size.Total, 0);
  return { Size: Math.max(total, image.sizeBytes), Manifests: manifests };
}

function inspectRoute({ images, containers }: ImageRouteDeps): Route {
  return route(
    'GET',
    '/images/{name}/json',
    { query: v.object({ manifests: queryFlag, platform: queryPlatform }) },
    ({ params: { name }, query, version: asked, headers }) => {
      const version = isCompose1(headers) ? Math.min(asked, LAST_WITH_CONTAINER_CONFIG) : asked;
      if (query.manifests && query.platform) {
        throw new EngineError(
          'invalid',
          'conflicting options: manifests and platform options cannot both be set',
        );
      }
      const image = images.get(name, choiceOf(query));
      const users = (id: string): string[] => containers.usersOfImage(id).map(container => container.id);
      return reply.json({
        ...imageToWire(image, version, images.storageDriver),
        ...descriptorField(images, name, version),
        ...(query.manifests && version >= 48
          ? { Manifests: images.manifests(name).map(view => manifestToWire(view, users)) }
          : {}),
      });
    },
  );
}

const LAST_WITH_CONTAINER_CONFIG = 44;

/**
 * Compose 1 speaks the newest version that the engine has, and yet looks for what went with 1.45 when it makes a container anew
 * after its image has changed: `KeyError: 'ContainerConfig'`.
 */
function isCompose1(headers: IncomingHttpHeaders): boolean {
  return (headers['user-agent'] ?? '').startsWith('docker-compose/1.');
}

function descriptorField(images: Pick<ImageService, 'target'>, name: string, version: number) {
  const target = version >= 48 ? images.target(name) : undefined;
  return target ? { Descriptor: targetToWire(target) } : {};
}

function choiceOf({ platform }: { readonly platform: Platform | undefined }): PlatformChoice {
  return platform ? { platform } : {};
}

function archiveRoutes(images: ImageRouteDeps['images']): Route[] {
  const save = async (names: readonly string[], platforms: readonly Platform[], signal: AbortSignal) =>
    reply.stream('application/x-tar', await images.save(names, { platforms, signal }));
  return [
    route(
      'POST',
      '/images/load',
      { query: v.object({ quiet: queryFlag, platform: queryPlatforms }) },
      ({ bytes, query: { platform: platforms }, signal }) =>
        progressReply(emit =>
          images.load(bytes, line => emit({ stream: `${line}\n` }), { signal, platforms }),
        ),
    ),
    route(
      'GET',
      '/images/{name}/get',
      { query: v.object({ platform: queryPlatforms }) },
      ({ params: { name }, query: { platform }, signal }) => save([name], platform, signal),
    ),
    route(
      'GET',
      '/images/get',
      { query: v.object({ names: queryList, platform: queryPlatforms }) },
      ({ query: { names, platform }, signal }) => save(names, platform, signal),
    ),
  ];
}

function removalRoutes({ images, containers, events }: ImageRouteDeps): Route[] {
  return [
    route(
      'DELETE',
      '/images/{name}',
      { query: v.object({ force: queryFlag, noprune: queryFlag, platforms: queryPlatforms }) },
      async ({ params: { name }, query, signal }) => {
        const { force, noprune: noPrune, platforms } = query;
        return reply.json(deletionToWire(await images.remove(name, { force, noPrune, platforms, signal })));
      },
    ),
    route(
      'POST',
      '/images/prune',
      { query: v.object({ filters: queryFilters(['dangling', 'label', 'label!', 'until']) }) },
      async ({ query: { filters }, signal }) => {
        const { deleted, freedBytes } = await pruneImages({ images, containers }, filters, signal);
        events.emit({
          type: 'image',
          action: 'prune',
          actor: { id: '', attributes: { reclaimed: String(freedBytes) } },
        });
        return reply.json({ ImagesDeleted: deleted, SpaceReclaimed: freedBytes });
      },
    ),
  ];
}

const CreateQuery = v.object({
  fromImage: queryText,
  fromSrc: queryText,
  repo: queryText,
  tag: queryText,
  message: queryText,
  changes: queryList,
  platform: queryText,
});

function createRoute(images: ImageRouteDeps['images']): Route {
  return route('POST', '/images/create', { query: CreateQuery }, async request => {
    const { fromImage, fromSrc, tag } = request.query;
    if (fromImage !== '') return pullReply(images, request, parseName(withTag(fromImage, tag)));
    if (fromSrc === '-') return importImage(images, request);
    if (fromSrc !== '')
      throw notImplemented(`import from ${fromSrc}: send the archive itself (docker import -)`);
    throw new EngineError('invalid', 'one of fromImage and fromSrc is needed');
  });
}

type CreateRequest = RouteRequest<unknown, v.InferOutput<typeof CreateQuery>, undefined>;

/** A name without a tag means all of them: clients add `latest` by themselves. */
/** A name without a tag means all that it has: `docker push --all-tags`. */
function pushRoute(images: Pick<ImageService, 'push'>): Route {
  return route(
    'POST',
    '/images/{name}/push',
    { query: v.object({ tag: queryText, platform: queryPlatform }) },
    ({ params: { name }, query, headers, signal }) => {
      const reference = parseName(withTag(name, query.tag));
      const credentials = sentCredentials(headers);
      return withoutPrompt(
        progressReply(emit => images.push(reference, emit, { credentials, ...choiceOf(query), signal })),
      );
    },
  );
}

function pullReply(
  images: Pick<ImageService, 'pull'>,
  { headers, query: { platform }, signal }: CreateRequest,
  reference: Reference,
): Promise<Reply> {
  const credentials = sentCredentials(headers);
  const choice = platform === '' ? {} : { platform: parsePlatform(platform) };
  return withoutPrompt(
    progressReply(emit => images.pull(reference, emit, { credentials, ...choice, signal })),
  );
}

async function importImage(
  images: Pick<ImageService, 'import'>,
  { query, bytes, signal }: CreateRequest,
): Promise<Reply> {
  const { repo, tag, message, changes, platform } = query;
  return progressReply(async emit => {
    const id = await images.import(bytes, {
      signal,
      changes,
      ...(repo === '' ? {} : { reference: withTag(repo, tag) }),
      ...(message === '' ? {} : { message }),
      ...(platform === '' ? {} : { platform }),
    });
    emit({ status: id });
  });
}
