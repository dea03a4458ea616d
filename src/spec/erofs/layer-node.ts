import type { SparseMap, TarEntry } from '../tar/tar-entry.ts';
import type { ErofsType, InodeAttributes } from './erofs-format.ts';

const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

/** What one name, or several that are hard links, stand for. */
export class LayerNode implements InodeAttributes {
  readonly type: ErofsType;
  mode = 0o755;
  uid = 0;
  gid = 0;
  mtimeSeconds = 0;
  mtimeNanos = 0;
  xattrs: ReadonlyMap<string, Buffer> = NO_XATTRS;
  /** of a file: with its holes */
  size = 0;
  /** of a file: where its bytes begin in the tar */
  contentOffset = 0;
  sparse: SparseMap | undefined;
  /** of a symbolic link, a byte string */
  target = '';
  deviceMajor = 0;
  deviceMinor = 0;

  constructor(type: ErofsType) {
    this.type = type;
  }

  static of(entry: TarEntry, type: ErofsType): LayerNode {
    const node = new LayerNode(type);
    node.describe(entry);
    node.size = entry.sparse?.realSize ?? entry.size;
    node.contentOffset = entry.contentOffset;
    node.sparse = entry.sparse;
    if (type === 'symlink') node.target = entry.linkPath;
    node.deviceMajor = entry.deviceMajor;
    node.deviceMinor = entry.deviceMinor;
    return node;
  }

  /** Stands for "this was removed" to overlayfs. */
  static whiteout(): LayerNode {
    const node = new LayerNode('character');
    node.mode = 0;
    return node;
  }

  get isWhiteout(): boolean {
    return this.type === 'character' && this.deviceMajor === 0 && this.deviceMinor === 0;
  }

  describe({ mode, uid, gid, mtimeSeconds, mtimeNanos }: InodeAttributes): void {
    // The kernel gives links all rights whatever was asked for.
    this.mode = this.type === 'symlink' ? 0o777 : mode;
    this.uid = uid;
    this.gid = gid;
    this.mtimeSeconds = mtimeSeconds;
    this.mtimeNanos = mtimeNanos;
  }
}

export class LayerDirectory extends LayerNode {
  readonly children = new Map<string, LayerNode>();
  /** name in its parent; `''` for the root */
  readonly name: string;
  readonly parent: LayerDirectory | undefined;
  /** of {@link pathOf} */
  readonly pathLength: number;
  /** the archive went through it without describing it */
  isImplicit = true;
  isOpaque = false;

  constructor(name = '', parent?: LayerDirectory) {
    super('directory');
    this.name = name;
    this.parent = parent;
    this.pathLength = name.length + (parent?.parent ? parent.pathLength + 1 : 0);
  }
}

/** Path from the root, `''` for that itself. */
export function pathOf(directory: LayerDirectory): string {
  const names: string[] = [];
  for (let node = directory; node.parent; node = node.parent) names.push(node.name);
  return names.reverse().join('/');
}
