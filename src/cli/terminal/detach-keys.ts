/** Thrown through the input when the user has typed the detach keys. */
export class Detached extends Error {
  override readonly name = 'Detached';
}

const DEFAULT_KEYS = 'ctrl-p,ctrl-q';
const NAMED: Readonly<Record<string, number>> = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/**
 * The bytes of a key sequence such as `ctrl-p,ctrl-q` or `ctrl-a,d`; `''` stands for the default.
 *
 * @throws {RangeError} for a key that does not exist.
 */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from((text || DEFAULT_KEYS).split(','), key => {
    if (key.length === 1) return key.charCodeAt(0);
    const letter = /^ctrl-(.)$/.exec(key)?.[1] ?? '';
    const code = /^[a-z]$/.test(letter) ? letter.charCodeAt(0) - 96 : NAMED[letter];
    if (code === undefined) throw new RangeError(`Unknown character: '${key}'`);
    return code;
  });
}

/**
 * Passes input on until the key sequence has been typed. Keys that may be its beginning are held back until the next one
 * decides.
 *
 * @throws {Detached}
 */
export async function* watchDetachKeys(
  input: AsyncIterable<Uint8Array>,
  keys: Uint8Array,
): AsyncGenerator<Uint8Array> {
  let matched = 0;
  for await (const chunk of input) {
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte !== keys[matched]) {
        passed.push(...keys.subarray(0, matched));
        matched = 0;
      }
      if (byte === keys[matched]) matched++;
      else passed.push(byte);
      if (matched === keys.length && matched > 0) {
        if (passed.length > 0) yield Uint8Array.from(passed);
        throw new Detached('read escape sequence');
      }
    }
    if (passed.length > 0) yield Uint8Array.from(passed);
  }
  if (matched > 0) yield keys.subarray(0, matched);
}
