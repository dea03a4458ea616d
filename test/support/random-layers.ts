import { gzipSync } from 'node:zlib';
import { byteString } from '#spec/tar/byte-string';
import { TAR_END, type TarEntryInit, tarEntry } from '#spec/tar/tar-writer';

/** mulberry32: the same layers on every machine. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const NAMES = ['a', 'b', 'c', 'd', 'usr', 'lib', 'x'.repeat(120), byteString('ü'), '\xe9\xff', 'with space'];
const TYPES = [
  'file',
  'file',
  'file',
  'directory',
  'directory',
  'symlink',
  'hardlink',
  'fifo',
  'character',
] as const;
const NO_CONTENT = { path: '', content: '' };

type Entry = TarEntryInit & { readonly content?: string };

/**
 * One to three layers of a few names, so that they get in each other's way: replaced, hidden, linked, gone through.
 *
 * @param options.isPlain without most of what needs attributes that only the host's own power shows
 */
export function randomLayers(
  seed: number,
  { isPlain = false }: { readonly isPlain?: boolean } = {},
): Buffer[] {
  const below = randomNumbers(seed);
  return Array.from({ length: 1 + below(3) }, () => {
    const known: Known = { files: [], directories: ['usr', 'lib'] };
    const entries = Array.from({ length: 3 + below(25) }, () => randomEntry(below, known));
    const wanted = isPlain ? entries.filter(({ path }) => !path.endsWith('.opq')).map(unprivileged) : entries;
    const tar = Buffer.concat([...wanted.map(entry => tarEntry(entry, entry.content)), TAR_END]);
    return below(2) === 0 ? tar : gzipSync(tar);
  });
}

function unprivileged(entry: Entry): Entry {
  const isPrivileged = [...(entry.xattrs?.keys() ?? [])].some(name => name.startsWith('trusted.'));
  return isPrivileged ? { ...entry, xattrs: new Map() } : entry;
}

/** What the layer has so far, roughly: most names are made from it, so that not every layer is refused. */
interface Known {
  readonly files: string[];
  readonly directories: string[];
}

function randomEntry(below: (limit: number) => number, known: Known): Entry {
  const path = randomPath(below, known);
  const kind = below(12);
  if (kind === 0) return { ...NO_CONTENT, path: withPrefix(path, '.wh.') };
  if (kind === 1) {
    const directory = known.directories[below(known.directories.length)] ?? path;
    return { ...NO_CONTENT, path: `${directory}/.wh..wh..opq` };
  }
  const type = TYPES[below(TYPES.length)] ?? 'file';
  if (type !== 'directory' && below(20) > 0) forget(known.directories, path);
  const others = known.files.filter(file => file !== path && !file.startsWith(`${path}/`));
  if (type === 'file') known.files.push(path);
  if (type === 'directory') known.directories.push(path);
  const common = {
    path: type === 'directory' ? `${path}/` : path,
    type,
    mode: [0o644, 0o755, 0o4755, 0o2711, 0o1777, 0o000][below(6)] ?? 0,
    uid: below(3) * 1000,
    gid: below(3) * 70_000,
    mtimeSeconds: 1_000_000_000 + below(1000) + below(2) / 4,
  };
  switch (type) {
    case 'file':
      return { ...common, ...randomXattrs(below), content: 'content '.repeat(below(200)) };
    case 'directory':
      return { ...common, ...randomXattrs(below) };
    case 'symlink':
      return { ...common, linkPath: ['/', '', './', '../'][below(4)] + randomPath(below, known) };
    case 'hardlink':
      return { ...common, linkPath: others[below(others.length)] ?? randomPath(below, known) };
    case 'fifo':
      return common;
    case 'character':
      return { ...common, deviceMajor: 1, deviceMinor: 1 + below(9) };
  }
}

function forget(directories: string[], path: string): void {
  const left = directories.filter(name => name !== path && !name.startsWith(`${path}/`));
  directories.splice(0, directories.length, ...left);
}

function randomXattrs(below: (limit: number) => number): Pick<Entry, 'xattrs'> {
  if (below(4) > 0) return {};
  const names = ['user.a', 'user.b', 'trusted.c', 'security.d', 'trusted.overlay.opaque', 'unknown.e'];
  const name = names[below(names.length)] ?? 'user.a';
  return { xattrs: new Map([[name, Buffer.from(`value ${below(10)}`)]]) };
}

function randomPath(below: (limit: number) => number, { files, directories }: Known): string {
  const directory = directories[below(directories.length)] ?? 'usr';
  if (below(12) > 0)
    return below(6) === 0 && files.length > 0
      ? (files[below(files.length)] ?? 'f')
      : `${directory}/${randomName(below)}`;
  return Array.from({ length: 1 + below(4) }, () => randomName(below)).join('/');
}

function randomName(below: (limit: number) => number): string {
  return NAMES[below(NAMES.length)] ?? 'a';
}

function withPrefix(path: string, prefix: string): string {
  const slash = path.lastIndexOf('/');
  return `${path.slice(0, slash + 1)}${prefix}${path.slice(slash + 1)}`;
}

const FEW_NAMES = ['a', 'b', 'c', 'l', 'm'];
const TARGETS = [
  '.',
  '..',
  '/',
  'a',
  'b',
  '../a',
  'a/b',
  '/b/c',
  'l',
  'm/a',
  './l',
  'nowhere',
  '/etc',
  '..//a/./b',
  'a/..',
];

/** One or two layers of even fewer names, and most of them through links of the same layer. */
export function tangledLayers(seed: number): Buffer[] {
  const below = randomNumbers(seed);
  const path = (): string =>
    Array.from({ length: 1 + below(3) }, () => FEW_NAMES[below(FEW_NAMES.length)]).join('/');
  const entry = (number: number): Entry => {
    const name = path();
    const kind = below(13);
    if (kind < 3) return { path: name, content: `content ${number}`, mode: 0o4755 };
    if (kind < 5) {
      const mode = [0o755, 0o700, 0o1777][below(3)] ?? 0;
      const xattrs = new Map([['user.x', Buffer.from(String(number))]]);
      return { path: `${name}/`, type: 'directory', mode, uid: below(3), xattrs };
    }
    if (kind < 8) return { path: name, type: 'symlink', linkPath: TARGETS[below(TARGETS.length)] ?? '.' };
    if (kind < 10) return { path: name, type: 'hardlink', linkPath: path() };
    if (kind === 10) return { ...NO_CONTENT, path: withPrefix(name, '.wh.') };
    if (kind === 11) return { ...NO_CONTENT, path: `${name}/.wh..wh..opq` };
    return { path: name, type: 'character', deviceMajor: 0, deviceMinor: below(2) };
  };
  return Array.from({ length: 1 + below(2) }, () => {
    const entries = Array.from({ length: 2 + below(12) }, (_, number) => entry(number));
    return Buffer.concat([
      ...entries.map(one => tarEntry({ mtimeSeconds: 1000, ...one }, one.content)),
      TAR_END,
    ]);
  });
}
