import { randomInt } from 'node:crypto';
import { EngineError } from '#base/errors';
import { ADJECTIVES, SURNAMES } from './name-words.ts';

/** `n` equally likely values, from 0. */
export type Random = (n: number) => number;

/** Tries without a number before one is added; with tens of thousands of pairs they rarely fail. */
const PLAIN_TRIES = 6;
/** Longer names do not fit in what shows them, nor in a file name with a suffix. */
const LONGEST_NAME = 200;

/**
 * `adjective_surname`, with a digit behind it (then more) when the first few are taken.
 *
 * @param isTaken whether a container has the name
 */
export function generateName(
  isTaken: (name: string) => boolean,
  random: Random = max => randomInt(max),
): string {
  for (let attempt = 0; ; attempt += 1) {
    const name = `${pick(ADJECTIVES, random)}_${pick(SURNAMES, random)}`;
    const suffix = attempt < PLAIN_TRIES ? '' : String(random(10 ** Math.min(attempt - PLAIN_TRIES + 1, 9)));
    if (!isTaken(name + suffix)) return name + suffix;
  }
}

/**
 * The name as stored: without the leading slash that clients may send.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function parseContainerName(text: string): string {
  const name = text.startsWith('/') ? text.slice(1) : text;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw invalidName(text);
  if (name.length > LONGEST_NAME) {
    throw new EngineError(
      'invalid',
      `Invalid container name (${name.slice(0, 20)}…), it is ${name.length} characters long, at most ${LONGEST_NAME} are allowed`,
    );
  }
  return name;
}

/** Like {@link parseContainerName}, for a name whose slash is gone already. */
export function requireValidName(name: string): void {
  if (parseContainerName(name) !== name) throw invalidName(name);
}

function invalidName(text: string): EngineError {
  const words = `Invalid container name (${text.slice(0, LONGEST_NAME)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`;
  return new EngineError(
    'invalid',
    /^\/?[a-zA-Z0-9]$/.test(text) ? `${words}: two characters are the least` : words,
  );
}

function pick(words: readonly string[], random: Random): string {
  return words[random(words.length)] ?? '';
}
