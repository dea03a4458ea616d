import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#base/errors';

const FILE = 'setup-code';
/** without what is taken for something else when it is typed */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 5;
const GROUP_LENGTH = 4;

/**
 * The code that the first account is made with, so that whoever finds a new hub first does not own it. It is in a file that
 * only the server's user can read, and goes with the first account: there is no password that everybody knows.
 */
export class SetupCode {
  readonly path: string;

  /** @param root the hub's folder */
  constructor(root: string) {
    this.path = join(root, FILE);
  }

  /** The code; made when there is none. */
  ensure(): string {
    const known = this.#read();
    if (known !== undefined) return known;
    const code = newCode();
    writeFileSync(this.path, `${code}\n`, { mode: 0o600, flag: 'w' });
    return code;
  }

  matches(code: string): boolean {
    const known = this.#read();
    if (known === undefined) return false;
    const typed = code.trim().toLowerCase();
    return timingSafeEqual(hash(known), hash(typed));
  }

  /** There is nothing to be set up any more. */
  remove(): void {
    rmSync(this.path, { force: true });
  }

  #read(): string | undefined {
    try {
      const code = readFileSync(this.path, 'utf8').trim();
      return code === '' ? undefined : code;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}

function newCode(): string {
  const groups = Array.from({ length: GROUPS }, () =>
    Array.from({ length: GROUP_LENGTH }, () => LETTERS[uniform(LETTERS.length)] ?? '').join(''),
  );
  return groups.join('-');
}

function uniform(below: number): number {
  for (;;) {
    const byte = randomBytes(1).readUInt8();
    if (byte < below * Math.floor(256 / below)) return byte % below;
  }
}

function hash(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
