/** Every header and every content starts at a multiple of this. */
export const BLOCK_SIZE = 512;

export type TarEntryType =
  | 'file'
  | 'hardlink'
  | 'symlink'
  | 'character'
  | 'block'
  | 'directory'
  | 'fifo'
  | 'pax'
  | 'paxGlobal';

/** Type flags of POSIX.1-1988 (ustar) and POSIX.1-2001 (pax). */
export const TYPE_FLAGS = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
  paxGlobal: 'g',
} as const satisfies Record<TarEntryType, string>;

/** Where the stored bytes of a sparse file belong; between them are zeros. */
export interface SparseMap {
  /** size of the file with its holes */
  readonly realSize: number;
  /** in order, without overlap */
  readonly segments: readonly { readonly offset: number; readonly length: number }[];
}

/** One entry as the archive describes it. Names are byte strings, taken as they are: the reader decides what is safe. */
export interface TarEntry {
  readonly path: string;
  readonly type: Exclude<TarEntryType, 'pax' | 'paxGlobal'>;
  /** permission bits with setuid, setgid and sticky: 0 to 0o7777 */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** bytes of content that follow; 0 for everything but files */
  readonly size: number;
  /** where they begin in the archive, counted from its first byte */
  readonly contentOffset: number;
  /** where they belong, for a sparse file */
  readonly sparse?: SparseMap;
  /** whole seconds since 1970, may be negative */
  readonly mtimeSeconds: number;
  /** 0 to 999,999,999 */
  readonly mtimeNanos: number;
  /** target of a hard or symbolic link, otherwise empty */
  readonly linkPath: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** name (text) → value; shared and empty for most entries */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}
