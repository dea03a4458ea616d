import { EngineError } from '#base/errors';

const WHITEOUT = '.wh.';
const WHITEOUT_META = '.wh..wh.';
const OPAQUE = '.wh..wh..opq';

/** What the name of an entry in a layer stands for, when it is no file. */
export type Whiteout =
  /** hides what lower layers have under this path */
  | { readonly kind: 'hide'; readonly parent: string; readonly name: string }
  /** hides what lower layers have in this directory */
  | { readonly kind: 'opaque'; readonly directory: string }
  /** bookkeeping of AUFS, without meaning */
  | { readonly kind: 'ignored' };

/** The whiteouts of the OCI image specification (layer.md). @throws {EngineError} `invalid` for one that hides nothing. */
export function whiteoutOf(path: string): Whiteout | undefined {
  const slash = path.lastIndexOf('/');
  const base = path.slice(slash + 1);
  if (!base.startsWith(WHITEOUT)) return undefined;
  const parent = slash < 0 ? '' : path.slice(0, slash);
  if (base === OPAQUE) return { kind: 'opaque', directory: parent };
  if (base.startsWith(WHITEOUT_META)) return { kind: 'ignored' };
  const name = base.slice(WHITEOUT.length);
  if (name === '' || name === '.' || name === '..') throw new EngineError('invalid', 'a whiteout of nothing');
  return { kind: 'hide', parent, name };
}

const MANY = 50_000;
const MANY_PER_ENTRY = 10;
const MANY_BYTES = 64 * 1024 * 1024;

/** Directories that an archive went through without describing them. */
export class ImplicitCount {
  #directories = 0;
  #bytes = 0;

  /**
   * One more. @returns whether there are more than any tool would make: a name of 4 KB can make two thousand, each of which is
   * remembered by its whole path.
   */
  isTooMany(pathLength: number, entries: number): boolean {
    this.#directories += 1;
    this.#bytes += pathLength;
    return this.#directories > MANY + MANY_PER_ENTRY * entries || this.#bytes > MANY_BYTES;
  }
}
