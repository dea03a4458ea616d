import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { BLOCK_SIZE } from '#spec/tar/tar-entry';
import { TAR_END, type TarEntryInit, tarEntry } from '#spec/tar/tar-writer';
import { JailPool } from '#store/jail-pool';
import { rootMissing } from '../support/image-engine.ts';

const skip = rootMissing();
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'quai-large-'));
});
after(() => rmSync(folder, { recursive: true }));

/** Small on the way here, and large when it is looked into. */
function archiveOf(name: string, parts: readonly Buffer[]): { readonly archive: { readonly path: string } } {
  const path = join(folder, name);
  const compressed = zstdCompressSync(Buffer.concat([...parts, TAR_END]));
  assert.ok(compressed.length < 1024 * 1024, `${compressed.length}`);
  writeFileSync(path, compressed);
  return { archive: { path } };
}

/** A file without content, in 98,704 pieces without content: GNU tar's own format. */
function inPieces(path: string): Buffer {
  const blocks = 4700;
  const piece = '00000000000\0'.repeat(2);
  const head = tarEntry({ path });
  head.write('S', 156, 'latin1');
  head.fill(0, 345, BLOCK_SIZE);
  head.write('ustar  \0', 257, 'latin1');
  head.write(piece.repeat(4), 386, 'latin1');
  head.writeUInt8(1, 482);
  head.write('00000000000\0', 483, 'latin1');
  head.fill(' ', 148, 156);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const map = Buffer.alloc(blocks * BLOCK_SIZE);
  for (let block = 0; block < blocks; block += 1) {
    map.write(piece.repeat(21), block * BLOCK_SIZE, 'latin1');
    map.writeUInt8(block + 1 < blocks ? 1 : 0, block * BLOCK_SIZE + 504);
  }
  return Buffer.concat([head, map]);
}

test('an archive that takes more memory than a thread has is refused, before the process is ended for it', {
  skip,
}, async () => {
  const first = inPieces('f-00');
  const parts = Array.from({ length: 60 }, (_, nth) => {
    const part = Buffer.from(first);
    part.write(`f-${String.fromCharCode(0x30 + (nth % 64), 0x30)}`, 0, 'latin1');
    const sum = part
      .subarray(0, BLOCK_SIZE)
      .fill(' ', 148, 156)
      .reduce((total, byte) => total + byte, 0);
    part.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return part;
  });
  await using jail = new JailPool({ size: 1 });
  const directory = mkdtempSync(join(folder, 'index-'));
  await assert.rejects(jail.index({ ...archiveOf('pieces', parts), directory }), {
    kind: 'invalid',
    message: /more files than one layer may have/,
  });
});

test('deep directories that are looked up again and again, as a link is replaced, end', {
  skip,
}, async () => {
  const deep: readonly TarEntryInit[] = [
    { path: `${'d/'.repeat(2000)}f`, type: 'fifo' },
    { path: 'l', type: 'symlink', linkPath: 'd' },
  ];
  const pair = Buffer.concat(deep.map(entry => tarEntry(entry)));
  await using jail = new JailPool({ size: 1 });
  const directory = mkdtempSync(join(folder, 'extract-'));
  const { archive } = archiveOf(
    'deep',
    Array.from({ length: 10_000 }, () => pair),
  );
  await assert.rejects(jail.extract({ archive: archive.path, directory, whiteouts: 'overlay' }), {
    kind: 'invalid',
    message: /directories are deep, and replaced too often/,
  });
});
