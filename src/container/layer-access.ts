import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { FileChange } from '#store/jail-jobs';
import type { JailPool } from '#store/jail-pool';
import { type DirectoryHandles, openDirectories } from '#sys/open-directories';
import type { Container } from './container.ts';
import type { ContainerContext } from './context.ts';
import { containerNotFound } from './errors.ts';

export interface LayerAccessDeps {
  readonly snapshots: Pick<Snapshotter, 'directories'>;
  readonly jail: Pick<JailPool, 'run' | 'packLayers'>;
}

/** What a container changed of its image's files, running or not. Volumes and what else is mounted in it are no part of that. */
export async function findChanges(
  { id }: Container,
  { snapshots, jail }: LayerAccessDeps,
  options: Abortable = {},
): Promise<FileChange[]> {
  using opened = openLayers(snapshots, id);
  const [layer, ...below] = opened.fds;
  if (layer === undefined) return [];
  return await jail.run('layerChanges', { layer, below }, options);
}

/** A tar of what a container wrote, as a layer over those of its image. */
export function packChanges(
  { id }: Container,
  { snapshots, jail }: LayerAccessDeps,
  options: Abortable = {},
): Readable {
  const opened = openLayers(snapshots, id);
  const [layer, ...below] = opened.fds;
  if (layer === undefined) throw new TypeError('a container has a layer');
  return jail.packLayers(
    { layers: [layer], below, form: 'changes' },
    { ...options, onEnd: () => opened[Symbol.dispose]() },
  );
}

/** A tar of a container's root file system, without what is mounted in it. */
export function packRoot(
  { id }: Container,
  { snapshots, jail }: LayerAccessDeps,
  options: Abortable = {},
): Readable {
  const opened = openLayers(snapshots, id);
  return jail.packLayers(
    { layers: opened.fds, below: [], form: 'root' },
    { ...options, onEnd: () => opened[Symbol.dispose]() },
  );
}

/** @throws {EngineError} `conflict` for one that is on its way out. */
export function checkReadable({ id, state: { status } }: Container, verb: 'commit' | 'export'): void {
  // Docker's wording
  if (status === 'removing')
    throw new EngineError('conflict', `You cannot ${verb} container ${id} which is being removed`);
  if (status === 'dead')
    throw new EngineError('conflict', `You cannot ${verb} container ${id} which is Dead`);
}

/**
 * After its files were read: those that were deleted with their container are missing in what was read, which must not look complete.
 *
 * @throws {EngineError} `notFound` for one that was removed meanwhile.
 */
export function checkThere({ index }: Pick<ContainerContext, 'index'>, id: string): void {
  if (index.find(id)?.id !== id) throw containerNotFound(id);
}

/** In one step with finding them: a layer that is packed meanwhile is mounted anew, and would be empty for a moment. */
function openLayers(snapshots: LayerAccessDeps['snapshots'], id: string): DirectoryHandles {
  const { upper, lowers } = snapshots.directories(id);
  return openDirectories([upper, ...lowers]);
}
