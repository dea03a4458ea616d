import type { PathStat } from '#container/archive-access';
import type { Reply } from '#http/reply';

/** Adds the header that Docker's clients read before they unpack. */
export function withPathStat<R extends Extract<Reply, { readonly headers: unknown }>>(
  answer: R,
  { name, size, mode, mtimeMs, linkTarget }: PathStat,
): R {
  const stat = { name, size, mode: goMode(mode), mtime: new Date(mtimeMs).toISOString(), linkTarget };
  const value = Buffer.from(JSON.stringify(stat)).toString('base64');
  return { ...answer, headers: { ...answer.headers, 'X-Docker-Container-Path-Stat': value } };
}

const S_IFMT = 0o170000;
/** Kinds of files, as bits of Go's `os.FileMode`. */
const KINDS: Readonly<Record<number, number>> = {
  0o040000: 2 ** 31,
  0o120000: 2 ** 27,
  0o060000: 2 ** 26,
  0o020000: 2 ** 26 + 2 ** 21,
  0o010000: 2 ** 25,
  0o140000: 2 ** 24,
};
const BITS: readonly (readonly [unix: number, go: number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

/** A file's mode as Go's `os.FileMode` has it. */
export function goMode(mode: number): number {
  const bits = BITS.reduce((sum, [unix, go]) => sum + (mode & unix ? go : 0), 0);
  return (KINDS[mode & S_IFMT] ?? 0) + bits + (mode & 0o777);
}
