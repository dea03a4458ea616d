import { EngineError } from '#base/errors';

/** Flags of mount(8) that a user may give a tmpfs; both words of a pair set the same thing. */
const PAIRS = [
  ['rw', 'ro'],
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['exec', 'noexec'],
  ['async', 'sync'],
  ['nodirsync', 'dirsync'],
  ['nomand', 'mand'],
  ['atime', 'noatime'],
  ['diratime', 'nodiratime'],
  ['norelatime', 'relatime'],
  ['nostrictatime', 'strictatime'],
  ['rbind', 'bind'],
] as const;
const ALONE = [
  'defaults',
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
  'unbindable',
  'runbindable',
];
/** tmpfs(5) */
const DATA = new Set(['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol', 'huge']);

const FLAGS: ReadonlyMap<string, string> = new Map([
  ...PAIRS.flatMap(pair => pair.map(word => [word, pair[0]] as const)),
  ...ALONE.map(word => [word, word] as const),
]);

/**
 * Joins options so that each thing is said once: the last one wins (Docker's rule).
 *
 * @throws {EngineError} `invalid` for an option tmpfs does not have.
 */
export function mergeTmpfsOptions(options: readonly string[]): readonly string[] {
  const merged: string[] = [];
  const seen = new Set<string>();
  for (const option of options.toReversed()) {
    const key = keyOf(option);
    if (seen.has(key)) continue;
    seen.add(key);
    merged.unshift(option);
  }
  return merged;
}

function keyOf(option: string): string {
  const flag = FLAGS.get(option);
  if (flag !== undefined) return flag;
  const at = option.indexOf('=');
  const key = option.slice(0, at);
  if (at <= 0 || !DATA.has(key)) {
    throw new EngineError('invalid', `invalid tmpfs option ${JSON.stringify(option)}`);
  }
  return key;
}
