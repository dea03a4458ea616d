import { createFlags } from './create-flags.ts';

/**
 * A note for options of `run` that stand after the image, where they are handed to the program in the container.
 * Given only when the first word after the image is an option, and one of the words is certainly ours: programs have
 * their own `-e` and `-p`, so the value has to look right as well.
 */
export function misplacedOptionNote(name: 'run' | 'create', args: readonly string[]): string | undefined {
  const [image = '', ...words] = args;
  if (!words[0]?.startsWith('-')) return undefined;
  const at = words.findIndex((word, index) => isOurs(word, words[index + 1]));
  if (at === -1) return undefined;
  const word = words[at] ?? '';
  const option = word.includes('=') ? word : `${word} ${words[at + 1] ?? ''}`;
  return [
    `Note: "${option}" comes after the image, so it goes to the program in the container.`,
    `      Options of ${name} come first: quai ${name} ${option} ... ${image}`,
  ].join('\n');
}

/** What the value of a short option looks like, where programs use the same letter for something else. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  '-e': /^[A-Za-z_][A-Za-z0-9_]*=/,
  '-p': /^(\S+:)?\d+(-\d+)?(:\d+(-\d+)?)?(\/(tcp|udp|sctp))?$/,
  '-v': /^[^:]+:\/[^:]*(:\w+)?$/,
};

function isOurs(word: string, next: string | undefined): boolean {
  const shape = SHAPES[word];
  if (shape) return next !== undefined && shape.test(next);
  const [name = '', value] = word.startsWith('--') ? word.slice(2).split('=') : [];
  const flags: Readonly<Record<string, { readonly type: string }>> = createFlags;
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (!flag || flag.type === 'bool') return false;
  return value !== undefined || (next !== undefined && !next.startsWith('-'));
}
