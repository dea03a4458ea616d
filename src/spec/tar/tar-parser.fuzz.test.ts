import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { TarParser } from './tar-parser.ts';
import { TAR_END, tarEntry } from './tar-writer.ts';

const SEED = 20_261_121;
const ROUNDS = 3000;

/** mulberry32: the same damage on every machine. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const GOOD = Buffer.concat([
  tarEntry({ path: 'd/', type: 'directory' }),
  tarEntry({ path: 'd/f', xattrs: new Map([['user.a', Buffer.from('b')]]), mtimeSeconds: 1.5 }, 'content'),
  tarEntry({ path: 'n'.repeat(150), type: 'symlink', linkPath: 'l'.repeat(150) }),
  tarEntry({ path: 'dev', type: 'character', deviceMajor: 1, deviceMinor: 3 }),
  TAR_END,
]);

/** Damages a few bytes; half the time it mends the checksums, so that the damage gets further. */
function damaged(next: () => number): Buffer {
  const bytes = Buffer.from(GOOD);
  for (let count = 1 + Math.floor(next() * 4); count > 0; count -= 1) {
    bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
  }
  if (next() < 0.5) return bytes.subarray(0, Math.floor(next() * bytes.length));
  for (let offset = 0; offset < bytes.length; offset += 512) {
    const block = bytes.subarray(offset, offset + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(' ', 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return bytes;
}

test(`the parser takes or refuses damaged archives, and nothing else (seed ${SEED})`, () => {
  const next = random(SEED);
  const seen = { taken: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const archive = damaged(next);
    let open = 0;
    let expected = 0;
    const parser = new TarParser({
      entry: entry => {
        open += 1;
        expected = entry.size;
        assert.ok(entry.path.length > 0 && entry.path.length <= 4096 && !entry.path.includes('\0'));
      },
      data: bytes => {
        expected -= bytes.length;
      },
      endEntry: () => {
        open -= 1;
        assert.equal(expected, 0);
      },
    });
    try {
      const step = 1 + Math.floor(next() * 1500);
      for (let at = 0; at < archive.length; at += step) parser.write(archive.subarray(at, at + step));
      parser.end();
      assert.equal(open, 0);
      seen.taken += 1;
    } catch (error) {
      assert.ok(error instanceof EngineError && error.kind === 'invalid', `round ${round}: ${String(error)}`);
      seen.refused += 1;
    }
  }
  assert.ok(seen.taken > 100 && seen.refused > 100, JSON.stringify(seen));
});
