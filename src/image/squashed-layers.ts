import type { Readable } from 'node:stream';
import type { Digest } from '#base/ids';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { JailPool } from '#store/jail-pool';
import { openDirectories } from '#sys/open-directories';

export interface LayerStackDeps {
  readonly snapshots: Snapshotter;
  readonly jail: Pick<JailPool, 'packLayers'>;
}

/**
 * A tar of what the layers from the top of `stack` down to its `kept` lowest ones make together. The directories are opened here,
 * in one step with finding them: a layer that is packed meanwhile is mounted anew, and would be empty for a moment.
 */
export function squashedTar(
  stack: readonly Digest[],
  kept: number,
  { snapshots, jail }: LayerStackDeps,
  signal: AbortSignal,
): Readable {
  const top = stack.at(-1);
  if (top === undefined) throw new TypeError('there are layers to squash');
  const opened = openDirectories(snapshots.layerDirectories(top));
  const count = opened.fds.length - kept;
  const input = {
    layers: opened.fds.slice(0, count),
    below: opened.fds.slice(count),
    form: 'layer' as const,
  };
  return jail.packLayers(input, { signal, onEnd: () => opened[Symbol.dispose]() });
}
