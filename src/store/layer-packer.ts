import { createHash } from 'node:crypto';
import { closeSync, constants, fdatasyncSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { LayerDirectory, type LayerNode } from '#spec/erofs/layer-node';
import { LayerTree } from '#spec/erofs/layer-tree';
import { latin1 } from '#spec/tar/byte-string';
import { TarParser } from '#spec/tar/tar-parser';
import { AT_FDCWD, openAt, openDirectoryAt, openSubdirectory } from '#sys/at';
import { firstDifference } from '#sys/compare-trees';
import { ArchiveSource } from './archive-source.ts';
import { LAYER_FRAME, LAYER_TAR } from './layer-files.ts';
import { contentsOf, rebuildTar, writeTarFrame } from './tar-frame.ts';

export interface FrameInput {
  /** holds `layer.tar`, and gets `layer.frame` */
  readonly directory: string;
}

export interface FrameResult {
  readonly diffId: Digest;
  readonly tarBytes: number;
  /** sizes of all files as they are seen, holes included */
  readonly apparentBytes: number;
  /** Something of it is only seen by who has power over the host: `trusted.` attributes of the archive's own. */
  readonly isPrivileged: boolean;
  /** So are opaque directories, which can be shown to others for a while. */
  readonly hasOpaque: boolean;
}

export interface PackedInput {
  readonly directory: string;
  /** where the index over the tar is mounted, and where the packed layer */
  readonly indexed: string;
  readonly packed: string;
  readonly diffId: Digest;
}

const { O_RDONLY } = constants;

/** Writes down what the tar of a layer has beside contents. */
export async function frameLayer({ directory }: FrameInput, shouldStop: () => boolean): Promise<FrameResult> {
  const tree = new LayerTree();
  const parser = new TarParser(tree);
  const tar = join(directory, LAYER_TAR);
  await using source = new ArchiveSource({ path: tar }, shouldStop);
  for await (const chunk of source.chunks()) parser.write(chunk);
  parser.end();
  const { diffId, tarBytes } = source.facts;
  await writeTarFrame(tar, tarBytes, contentsOf(tree.root), join(directory, LAYER_FRAME));
  syncFile(join(directory, LAYER_FRAME));
  return { diffId, tarBytes, apparentBytes: tree.sizeBytes, ...privilegesOf(tree.root) };
}

function privilegesOf(root: LayerDirectory): Pick<FrameResult, 'isPrivileged' | 'hasOpaque'> {
  const isPrivileged = ({ xattrs }: LayerNode): boolean =>
    [...xattrs.keys()].some(name => name.startsWith('trusted.'));
  const found = { isPrivileged: false, hasOpaque: false };
  const left: LayerNode[] = [root];
  for (let node = left.pop(); node; node = left.pop()) {
    if (isPrivileged(node)) found.isPrivileged = true;
    if (!(node instanceof LayerDirectory)) continue;
    if (node.isOpaque) found.hasOpaque = true;
    for (const child of node.children.values()) left.push(child);
  }
  return found;
}

/**
 * Whether a packed layer shows what the indexed one does, and gives its tar back byte for byte: nothing less lets the tar go.
 *
 * @throws {EngineError} `dataLoss` saying what is different; `cancelled`.
 */
export async function proveLayer(
  { directory, indexed, packed, diffId }: PackedInput,
  shouldStop: () => boolean,
): Promise<void> {
  const refuse = (difference: string | undefined): void => {
    if (shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
    if (difference !== undefined) throw new EngineError('dataLoss', `a packed layer differs: ${difference}`);
  };
  refuse(firstDifference(indexed, packed, { shouldStop }));
  const open = beneath(packed);
  const proven = new Set<string>();
  const hash = createHash('sha256');
  const noted = (path: string): number => {
    proven.add(path);
    return open(path);
  };
  for await (const chunk of rebuildTar(join(directory, LAYER_FRAME), noted)) {
    if (shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
    hash.update(chunk);
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId)
    throw new EngineError('dataLoss', `a packed layer gives back ${actual}, not ${diffId}`);
  // Small and sparse files are in the frame, and the tar is whole without those that a container sees.
  refuse(firstDifference(indexed, packed, { shouldStop, comparesContent: path => !proven.has(path) }));
}

/** Opens files of a tree by descriptors, one directory after the other: no link is followed. */
export function beneath(root: string): (path: string) => number {
  return path => {
    const names = path.split('/');
    const file = names.pop() ?? '';
    let directory = openDirectoryAt(AT_FDCWD, root);
    try {
      for (const name of names) {
        const next = openSubdirectory(directory, cString(name));
        closeSync(directory);
        directory = next;
      }
      return openAt(directory, cString(file), O_RDONLY);
    } finally {
      closeSync(directory);
    }
  };
}

function cString(name: string): Buffer {
  return Buffer.concat([latin1(name), Buffer.alloc(1)]);
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
