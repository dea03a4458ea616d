/** What `--chmod` says: a number, or a change as chmod(1) writes it, such as `u+x,go-w`. */
export type FileMode = number | string;

const SPECIAL = { u: 0o4000, g: 0o2000, o: 0o1000 } as const;
const SHIFT = { u: 6, g: 3, o: 0 } as const;
const BITS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };
const LONGEST = 200;

type Who = keyof typeof SHIFT;

/** `undefined` for what is neither. */
export function parseFileMode(text: string): FileMode | undefined {
  if (/^[0-7]{1,5}$/.test(text)) return Number.parseInt(text, 8) & 0o7777;
  const isChange = /^[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+(?:,[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+)*$/.test(
    text,
  );
  return isChange && text.length <= LONGEST ? text : undefined;
}

/** The mode of a file that had `before`. @param change of {@link parseFileMode} */
export function changedMode(
  change: FileMode,
  before: number,
  { isDirectory }: { readonly isDirectory: boolean },
): number {
  if (typeof change === 'number') return change;
  let mode = before & 0o7777;
  for (const clause of change.split(',')) {
    const named = /^[ugoa]*/.exec(clause)?.[0] ?? '';
    const whom = who(named);
    for (const [, operator, what = ''] of clause.slice(named.length).matchAll(/([-+=])([^-+=]*)/g)) {
      const set = bitsOf(what, whom, mode, isDirectory);
      if (operator === '+') mode |= set;
      else if (operator === '-') mode &= ~set;
      else mode = (mode & ~allOf(whom, isDirectory)) | set;
    }
  }
  return mode;
}

function who(named: string): readonly Who[] {
  const all = ['u', 'g', 'o'] as const;
  return named === '' || named.includes('a') ? all : all.filter(each => named.includes(each));
}

function bitsOf(what: string, whom: readonly Who[], mode: number, isDirectory: boolean): number {
  let bits = 0;
  for (const each of whom) bits |= permissions(what, mode, isDirectory) << SHIFT[each];
  if (what.includes('s')) bits |= special(whom.filter(each => each !== 'o'));
  if (what.includes('t') && whom.includes('o')) bits |= SPECIAL.o;
  return bits;
}

function permissions(what: string, mode: number, isDirectory: boolean): number {
  if (what === 'u' || what === 'g' || what === 'o') return (mode >> SHIFT[what]) & 7;
  let bits = 0;
  for (const letter of what) bits |= BITS[letter] ?? 0;
  // To search folders, and to run what somebody may run already.
  if (what.includes('X') && (isDirectory || (mode & 0o111) !== 0)) bits |= 1;
  return bits;
}

/** What `=` takes away first; folders keep what they inherit groups by, as with GNU's chmod. */
function allOf(whom: readonly Who[], isDirectory: boolean): number {
  const bits = whom.reduce((sum, each) => sum | (7 << SHIFT[each]), 0);
  return bits | special(isDirectory ? whom.filter(each => each === 'o') : whom);
}

function special(whom: readonly Who[]): number {
  return whom.reduce((sum, each) => sum | SPECIAL[each], 0);
}
