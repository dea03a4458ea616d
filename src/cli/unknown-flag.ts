import {
  hasCurlyQuotes,
  nearest,
  startsWithLongDash,
  withPlainDashes,
  withPlainQuotes,
} from '#base/spelling';
import { UsageError } from './cli-error.ts';
import type { FlagSet } from './command.ts';

/**
 * The error for a flag that does not exist, with the right spelling where it can be guessed: one dash too few, the long dashes
 * and curly quotes of slides and word processors, a letter wrong.
 */
export function unknownFlag(word: string, flags: FlagSet, letter?: string): UsageError {
  const plain = withPlainQuotes(startsWithLongDash(word) ? withPlainDashes(word) : word);
  const [typed = '', ...value] = plain.replace(/^-+/, '').split('=');
  const guess = guessFlag(typed, flags);
  const suffix = value.length > 0 ? `=${value.join('=')}` : '';
  if (startsWithLongDash(word)) {
    const isShort = typed.length === 1 && Object.values(flags).some(flag => flag.short === typed);
    const shown = isShort ? `-${typed}${suffix}` : guess ? `--${guess}${suffix}` : plain;
    return new UsageError(
      `unknown option: ${word}`,
      `it starts with "${word[0] ?? ''}", which is not the "-" of the keyboard; write ${shown}`,
    );
  }
  const message =
    letter !== undefined && (word.length === 2 || !guess)
      ? `unknown option: -${letter} in ${word}`
      : `unknown option: ${word.split('=')[0] ?? word}`;
  if (guess)
    return new UsageError(message, `did you mean --${guess}${suffix}?${dashHint(word, typed, guess)}`);
  if (hasCurlyQuotes(word)) return new UsageError(message, `write plain quotes: ${plain}`);
  return new UsageError(message);
}

function dashHint(word: string, typed: string, guess: string): string {
  const isOneDash = word.startsWith('-') && !word.startsWith('--');
  return isOneDash && typed === guess ? ' Long options take two dashes.' : '';
}

function guessFlag(typed: string, flags: FlagSet): string | undefined {
  if (typed.length < 2) return undefined;
  if (Object.hasOwn(flags, typed)) return typed;
  const names = Object.keys(flags).filter(name => !flags[name]?.hidden);
  return nearest(typed.toLowerCase(), names) ?? onlyOneStartingWith(typed, names);
}

function onlyOneStartingWith(typed: string, names: readonly string[]): string | undefined {
  const matches = names.filter(name => name.startsWith(typed));
  return matches.length === 1 ? matches[0] : undefined;
}
