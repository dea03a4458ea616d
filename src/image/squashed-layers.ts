import { closeSync, constants, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Digest } from '#base/ids';
import type { Snapshotter } from '#snapshot/snapshotter';
import type { JailPool } from '#store/jail-pool';

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
  const opened: number[] = [];
  const close = (): void => {
    for (const fd of opened.splice(0)) closeSync(fd);
  };
  try {
    for (const directory of snapshots.layerDirectories(top)) {
      opened.push(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    }
    const count = opened.length - kept;
    const input = { layers: opened.slice(0, count), below: opened.slice(count), form: 'layer' as const };
    return jail.packLayers(input, { signal, onEnd: close });
  } catch (error) {
    close();
    throw error;
  }
}
