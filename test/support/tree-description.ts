import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { getXattr, listXattrs } from '#sys/xattr';

/** One file as everybody sees it; `names` tells which names are one file. */
export interface FileDescription {
  readonly path: string;
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  readonly mtime: string;
  readonly names: string;
  readonly size?: number;
  readonly content?: string;
  readonly target?: string;
  readonly device?: number;
  readonly xattrs: readonly string[];
}

const IFMT = 0o170000;
const TYPES: Readonly<Record<number, string>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
  0o010000: 'fifo',
  0o020000: 'character',
  0o060000: 'block',
};

/**
 * All there is to say about a tree, sorted by name. Names are shown byte by byte (latin1). Times after `since` (in seconds) are
 * "now": those of directories that nobody described.
 */
export function describeTree(root: string, { since }: { readonly since: number }): FileDescription[] {
  const found: FileDescription[] = [];
  const firstNames = new Map<string, string>();
  const pending: Buffer[] = [Buffer.from('.')];
  for (let path = pending.pop(); path; path = pending.pop()) {
    const whole = Buffer.concat([Buffer.from(`${root}/`), path]);
    const stat = lstatSync(whole, { bigint: true, throwIfNoEntry: false });
    if (!stat) continue; // overlayfs lists a whiteout that has nothing to hide, and denies it then
    const name = path.toString('latin1');
    const type = TYPES[Number(stat.mode) & IFMT] ?? 'other';
    const isWhiteout = type === 'character' && stat.rdev === 0n;
    const identity = `${stat.dev}:${stat.ino}`;
    if (type !== 'directory' && !firstNames.has(identity)) firstNames.set(identity, name);
    const cPath = Buffer.concat([whole, Buffer.from([0])]);
    found.push({
      path: name,
      type,
      mode: (Number(stat.mode) & 0o7777).toString(8),
      owner: isWhiteout ? '' : `${stat.uid}:${stat.gid}`,
      mtime: isWhiteout || stat.mtimeNs >= BigInt(since) * 1_000_000_000n ? 'now' : String(stat.mtimeNs),
      names: type === 'directory' || isWhiteout ? '' : `${stat.nlink} as ${firstNames.get(identity)}`,
      xattrs: listXattrs(cPath)
        .toSorted()
        .map(key => `${key}=${getXattr(cPath, key)?.toString('hex')}`),
      ...(type === 'file' ? { size: Number(stat.size), content: sha256(readFileSync(whole)) } : {}),
      ...(type === 'symlink' ? { target: readlinkSync(whole, 'latin1') } : {}),
      ...(type === 'character' || type === 'block' ? { device: Number(stat.rdev) } : {}),
    });
    if (type !== 'directory') continue;
    const names = readdirSync(whole, { encoding: 'buffer' })
      .toSorted((a, b) => Buffer.compare(a, b))
      .reverse();
    for (const child of names) pending.push(Buffer.concat([path, Buffer.from('/'), child]));
  }
  return found;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
