import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Digest } from '#base/ids';
import { type ArchiveInput, ArchiveSource } from './archive-source.ts';
import { GrowingFile } from './growing-file.ts';
import { LargeWindow } from './large-window.ts';

describe('ArchiveSource', () => {
  const base = mkdtempSync(join(tmpdir(), 'quai-archive-'));
  after(() => rmSync(base, { recursive: true }));

  const content = Buffer.alloc(1_000_000, 'some content ');
  const sha256 = (bytes: Buffer): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

  function file(name: string, bytes: Buffer): string {
    const path = join(base, name);
    writeFileSync(path, bytes);
    return path;
  }

  async function read(input: ArchiveInput) {
    await using source = new ArchiveSource(input, () => false);
    const chunks: Buffer[] = [];
    for await (const chunk of source.chunks()) chunks.push(Buffer.from(chunk));
    return { bytes: Buffer.concat(chunks), facts: source.facts };
  }

  for (const [compression, compressed] of [
    ['none', content],
    ['gzip', gzipSync(content)],
    ['zstd', zstdCompressSync(content)],
  ] as const) {
    test(`reads ${compression} once, with the digests of what is outside and inside`, async () => {
      const path = file(compression, compressed);
      const { bytes, facts } = await read({ path });
      assert.ok(bytes.equals(content));
      assert.deepEqual(facts, {
        compression,
        blobDigest: sha256(compressed),
        blobBytes: compressed.length,
        diffId: sha256(content),
        tarBytes: content.length,
      });
    });

    test(`reads ${compression} that comes byte by byte`, async () => {
      const growing = new GrowingFile(file(`${compression}-growing`, compressed));
      const reading = read({ path: growing.path, growth: growing.shared });
      for (let end = 1; end < 20; end += 1) {
        growing.advance(end);
        await new Promise(resolve => setImmediate(resolve));
      }
      growing.advance(compressed.length);
      growing.complete();
      assert.equal((await reading).facts.diffId, sha256(content));
    });
  }

  test('reads what is larger than all its buffers, and zeros after what is compressed', async () => {
    const large = randomBytes(3_000_000);
    for (const rest of [Buffer.alloc(0), Buffer.alloc(2_000_000)]) {
      const whole = Buffer.concat([gzipSync(large, { level: 1 }), rest]);
      const { facts } = await read({ path: file('large', whole), expected: { sizeBytes: whole.length } });
      assert.equal(facts.diffId, sha256(large));
      assert.equal(facts.blobDigest, sha256(whole));
    }
  });

  test('waits for its turn with what wants much memory, once all of it is there, and frees the place', async () => {
    // 16 MiB, by RFC 8878: one block of a byte, many times
    const bytes = Buffer.from('28b52ffd0070' + '43060078', 'hex');
    const growing = new GrowingFile(file('window', bytes));
    const place = new LargeWindow();
    const go = (): boolean => false;
    const reading = read({ path: growing.path, growth: growing.shared, largeWindow: place.shared });
    growing.advance(bytes.length - 1);
    await new Promise(resolve => setImmediate(resolve));
    const other = await place.take(999, go); // whoever waits for the rest does not hold it
    growing.advance(bytes.length);
    growing.complete();
    const isEarly = await Promise.race([
      reading.then(() => true),
      new Promise(resolve => setTimeout(resolve, 20, false)),
    ]);
    assert.equal(isEarly, false);
    other[Symbol.dispose]();
    assert.equal((await reading).bytes.toString(), 'x'.repeat(200));
    using _free = await place.take(999, go);
  });

  test('does not hash what was verified, and takes the word of the caller', async () => {
    const expected = { digest: sha256(Buffer.from('other')) };
    const { facts } = await read({ path: file('verified', content), expected, isVerified: true });
    assert.deepEqual([facts.blobDigest, facts.diffId], [expected.digest, expected.digest]);
  });

  test('refuses other bytes than were expected, and reads no more of them', async () => {
    const path = file('refused', content);
    const digest = sha256(content);
    for (const expected of [
      { digest: sha256(Buffer.from('other')) },
      { digest, sizeBytes: content.length + 1 },
      { digest, sizeBytes: content.length - 1 },
      { sizeBytes: 10 },
    ]) {
      await assert.rejects(read({ path, expected }), { kind: 'dataLoss' });
    }
    const growing = new GrowingFile(path);
    growing.advance(content.length); // and never complete
    await assert.rejects(read({ path, growth: growing.shared, expected: { sizeBytes: 100 } }), {
      kind: 'dataLoss',
    });
  });

  test('says what cannot be decompressed, and leaves nothing open', async () => {
    const gzip = gzipSync(content);
    for (const bytes of [gzip.subarray(0, -5), Buffer.concat([gzip.subarray(0, 100), content])]) {
      await assert.rejects(read({ path: file('bad', bytes) }), { kind: 'invalid' });
    }
    await assert.rejects(read({ path: file('xz', Buffer.from('fd377a585a0000', 'hex')) }), {
      kind: 'invalid',
    });
  });

  test('stops a reader that leaves in the middle of a file that does not grow', async () => {
    const gzip = gzipSync(content);
    const growing = new GrowingFile(file('left', gzip));
    growing.advance(gzip.length - 1);
    await using source = new ArchiveSource({ path: growing.path, growth: growing.shared }, () => false);
    for await (const chunk of source.chunks()) {
      assert.ok(chunk.length > 0);
      break;
    }
  });
});
