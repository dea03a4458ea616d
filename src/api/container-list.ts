import type { Abortable } from '#base/abortable';
import { isKind } from '#base/errors';
import type { ContainerView } from '#container/container';
import type { ContainerService } from '#container/container-service';
import type { ImageService } from '#image/image-service';
import { type Filters, invalidFilter } from '#spec/docker/filters';
import type { ApiMinor } from './api-version.ts';
import { type ContainerSizes, containerSummaryToWire } from './container-wire.ts';

export const CONTAINER_FILTERS = [
  'ancestor',
  'annotation',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTHS = ['none', 'starting', 'healthy', 'unhealthy'];

/** @throws {EngineError} `invalid` for a status, health or exit code that cannot be. */
export function checkContainerFilters(filters: Filters): void {
  for (const status of filters.get('status') ?? []) {
    if (!STATUSES.includes(status)) throw invalidFilter(`status=${status}`);
  }
  for (const health of filters.get('health') ?? []) {
    if (!HEALTHS.includes(health)) throw invalidFilter(`health=${health}`);
  }
  for (const code of filters.get('exited') ?? []) {
    if (!/^-?\d{1,9}$/.test(code)) throw invalidFilter(`exited=${code}`);
  }
}

export interface SummaryDeps {
  readonly containers: Pick<ContainerService, 'sizes'>;
  readonly images: Pick<ImageService, 'find'>;
}

/** Summaries of `views`, in their order. A container that goes while its size is measured is left out. */
export async function summarize(
  deps: SummaryDeps,
  views: readonly ContainerView[],
  options: Abortable & { readonly version: ApiMinor; readonly size: boolean },
): Promise<ReturnType<typeof containerSummaryToWire>[]> {
  const { version } = options;
  const now = Date.now();
  const imageIds = new Map<string, string | undefined>();
  const summaries = [];
  for (const view of views) {
    const sizes = options.size ? await sizesOf(deps, view, options) : undefined;
    if (options.size && !sizes) continue;
    const image = imageColumn(view, deps.images, imageIds);
    summaries.push(containerSummaryToWire(view, { version, now, image, sizes }));
  }
  return summaries;
}

async function sizesOf(
  { containers }: SummaryDeps,
  { id }: ContainerView,
  { signal }: Abortable,
): Promise<ContainerSizes | undefined> {
  try {
    return await containers.sizes(id, signal ? { signal } : {});
  } catch (error) {
    if (isKind(error, 'notFound')) return undefined;
    throw error;
  }
}

/** The reference the user gave, unless it points at another image by now. */
function imageColumn(
  { imageName, imageId }: ContainerView,
  images: SummaryDeps['images'],
  known: Map<string, string | undefined>,
): string {
  if (!known.has(imageName)) known.set(imageName, images.find(imageName)?.id);
  return known.get(imageName) === imageId ? imageName : imageId || imageName;
}
