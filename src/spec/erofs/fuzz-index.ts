import assert from 'node:assert/strict';
import { EngineError } from '#base/errors';
import { TarParser } from '../tar/tar-parser.ts';
import { TAR_END, type TarEntryInit, tarEntry } from '../tar/tar-writer.ts';
import { type ErofsIndex, writeErofs } from './erofs-writer.ts';
import { LayerTree } from './layer-tree.ts';
import { walkIndex } from './walk-index.ts';

export type Entry = TarEntryInit & { readonly content?: string };

const UUID = Buffer.alloc(16, 7);

/** The index of an archive. @throws {EngineError} `invalid`. */
export function indexOf(tar: Buffer): { readonly index: ErofsIndex; readonly bytes: Buffer } {
  const tree = new LayerTree();
  const parser = new TarParser(tree);
  parser.write(tar);
  parser.end();
  const parts: Buffer[] = [];
  const index = writeErofs(tree.root, {
    tarBytes: tar.length,
    uuid: UUID,
    now: 42,
    write: bytes => void parts.push(Buffer.from(bytes)),
  });
  return { index, bytes: Buffer.concat(parts) };
}

export const tarOf = (entries: readonly Entry[]): Buffer =>
  Buffer.concat([...entries.map(entry => tarEntry(entry, entry.content)), TAR_END]);

/**
 * Damages an archive over and over, the same way for the same seed: each is refused as one that is not valid, or its index is whole.
 *
 * @throws at the first that is neither.
 */
export function fuzzIndex({ seed, rounds }: { readonly seed: number; readonly rounds: number }): {
  readonly taken: number;
  readonly refused: number;
} {
  const below = random(seed);
  const seen = { taken: 0, refused: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const tar = damaged(below);
    try {
      walkIndex(indexOf(tar).bytes, { tarBytes: tar.length });
      seen.taken += 1;
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === 'invalid', `round ${round}: ${String(error)}`);
      seen.refused += 1;
    }
  }
  return seen;
}

/** mulberry32: the same damage on every machine. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

const GOOD = tarOf([
  { path: 'd/', type: 'directory', xattrs: new Map([['user.a', Buffer.from('b')]]) },
  { path: 'd/f', content: 'content'.repeat(100), mtimeSeconds: 1.5 },
  { path: 'd/e/g', content: 'x' },
  { path: 'l', type: 'symlink', linkPath: 'd/e' },
  { path: 'l/through', content: 'y' },
  { path: 'h', type: 'hardlink', linkPath: 'd/f' },
  { path: 'd/.wh.gone' },
  { path: 'd/e/.wh..wh..opq' },
  { path: 'dev', type: 'block', deviceMajor: 8, deviceMinor: 1 },
]);

function damaged(below: (limit: number) => number): Buffer {
  const bytes = Buffer.from(GOOD);
  for (let count = 1 + below(6); count > 0; count -= 1) {
    const block = below(bytes.length / 512) * 512;
    // Mostly in names, where it gets furthest.
    const at = below(3) > 0 ? block + below(12) : block + below(512);
    bytes[at] = below(2) === 0 ? (Buffer.from('/.dl\0')[below(5)] ?? 0) : below(256);
  }
  for (let offset = 0; offset < bytes.length; offset += 512) {
    const block = bytes.subarray(offset, offset + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return bytes;
}
