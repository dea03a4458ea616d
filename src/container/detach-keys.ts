import { EngineError } from '#base/errors';

const DEFAULT_KEYS = Buffer.from([0x10, 0x11]); // ctrl-p,ctrl-q
const CONTROL_SYMBOLS: Readonly<Record<string, number>> = {
  '@': 0,
  '[': 27,
  '\\': 28,
  ']': 29,
  '^': 30,
  _: 31,
};

/**
 * Decodes `ctrl-p,ctrl-q`, `a`, `ctrl-x,@`. Empty means the default, ctrl-p ctrl-q.
 *
 * @throws {EngineError} `invalid`, as Docker words it.
 */
export function parseDetachKeys(keys: string): Buffer {
  if (keys === '') return DEFAULT_KEYS;
  return Buffer.from(keys.split(',').map(key => keyCode(key, keys)));
}

function keyCode(key: string, all: string): number {
  if (key.length === 1) return key.charCodeAt(0) & 0x7f;
  const control = /^ctrl-(.)$/i.exec(key)?.[1];
  if (control !== undefined) {
    const letter = control.toLowerCase().charCodeAt(0) - 96;
    const code = letter >= 1 && letter <= 26 ? letter : CONTROL_SYMBOLS[control];
    if (code !== undefined) return code;
  }
  throw new EngineError('invalid', `Invalid detach keys (${all}) provided`);
}

/**
 * Watches typed bytes for the detach sequence. Bytes that may be its beginning are held back until
 * the next ones tell; they are given on when the sequence breaks.
 */
export class DetachDetector {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** @returns the bytes to pass on, and whether the sequence was completed by them. */
  feed(chunk: Buffer): { readonly pass: Buffer; readonly isDetached: boolean } {
    if (this.#matched === 0 && !chunk.includes(this.#keys[0] ?? 0)) return { pass: chunk, isDetached: false };
    const pass: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length) {
          this.#matched = 0;
          return { pass: Buffer.from(pass), isDetached: true };
        }
        continue;
      }
      pass.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) pass.push(byte);
    }
    return { pass: Buffer.from(pass), isDetached: false };
  }
}
