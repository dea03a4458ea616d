import type { PaxFields } from './pax.ts';
import type { TarEntry } from './tar-entry.ts';
import { tarError } from './tar-error.ts';
import type { RawHeader } from './tar-header.ts';

/** What the extension headers before an entry said. */
export interface ExtendedFields {
  readonly pax: PaxFields;
  readonly longName: string | undefined;
  readonly longLink: string | undefined;
}

export const MAX_NAME = 4096;
/** 2^32 - 1 is -1 to chown(2): "leave it". */
const MAX_ID = 0xffff_fffe;
const NO_XATTRS: ReadonlyMap<string, Buffer> = new Map();

const ENTRY_TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
};

/** An entry before it is known where its content begins. */
export type MergedEntry = Omit<TarEntry, 'contentOffset'>;

/** One entry from its header and the extension headers before it. @throws {EngineError} `invalid`. */
export function mergeEntry(header: RawHeader, { pax, longName, longLink }: ExtendedFields): MergedEntry {
  const path = pax.sparse?.get('name') ?? agreed(pax.path, longName) ?? header.path;
  const linkPath = agreed(pax.linkPath, longLink) ?? header.linkPath;
  const type = entryType(header.flag, path);
  const size = pax.size ?? header.size;
  if (path === '' || path.includes('\0')) throw tarError('an entry without a name');
  if (path.length > MAX_NAME || linkPath.length > MAX_NAME) throw tarError('a name is too long');
  if (size < 0) throw tarError('negative size');
  if (pax.sparse !== undefined && type !== 'file') throw tarError('only files can be sparse');
  return {
    path,
    type,
    mode: header.mode,
    uid: idInRange(pax.uid ?? header.uid),
    gid: idInRange(pax.gid ?? header.gid),
    // Links and directories have no content whatever their header says (Go's archive/tar, libarchive).
    size: type === 'file' ? size : 0,
    mtimeSeconds: pax.mtimeSeconds ?? header.mtimeSeconds,
    mtimeNanos: pax.mtimeNanos ?? 0,
    linkPath: type === 'hardlink' || type === 'symlink' ? linkPath : '',
    ...deviceNumbers(type, header),
    xattrs: pax.xattrs ?? NO_XATTRS,
  };
}

function entryType(flag: string, path: string): TarEntry['type'] {
  const type = ENTRY_TYPES[flag];
  if (type === undefined) throw tarError(`unsupported entry type ${JSON.stringify(flag)}`);
  // V7 had no type for directories.
  return type === 'file' && flag !== '7' && path.endsWith('/') ? 'directory' : type;
}

/** Two readers that prefer different extensions must not see different names. */
function agreed(pax: string | undefined, gnu: string | undefined): string | undefined {
  if (pax !== undefined && gnu !== undefined && pax !== gnu) throw tarError('PAX and GNU headers disagree');
  return pax ?? gnu;
}

function idInRange(id: number): number {
  if (id < 0 || id > MAX_ID) throw tarError(`owner ${id} is out of range`);
  return id;
}

/** Linux has 12 bits for the major and 20 for the minor number. Other types may carry garbage there. */
function deviceNumbers(
  type: TarEntry['type'],
  header: RawHeader,
): { deviceMajor: number; deviceMinor: number } {
  if (type !== 'character' && type !== 'block') return { deviceMajor: 0, deviceMinor: 0 };
  const { deviceMajor, deviceMinor } = header;
  if (deviceMajor < 0 || deviceMajor > 0xfff || deviceMinor < 0 || deviceMinor > 0xf_ffff) {
    throw tarError(`device number ${deviceMajor}:${deviceMinor} is out of range`);
  }
  return { deviceMajor, deviceMinor };
}
