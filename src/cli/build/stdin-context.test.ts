import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { stdinContext } from './stdin-context.ts';

const TAR = Buffer.concat([tarEntry({ path: 'Dockerfile' }, 'FROM x'), TAR_END]);

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function whole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

for (const [what, bytes] of [
  ['a tar', TAR],
  ['a tar in gzip', gzipSync(TAR)],
  ['a tar in zstd', zstdCompressSync(TAR)],
] as const) {
  test(`${what} from standard input is the context as it came`, async () => {
    const { dockerfile, body, text } = await stdinContext(inPieces(bytes, 100), 'sub/File');
    assert.deepEqual([dockerfile, text], ['sub/File', undefined]);
    assert.deepEqual(await whole(body), bytes);
  });
}

test('anything else from standard input is a Dockerfile without a context, whatever -f says', async () => {
  for (const content of ['FROM x\n', `FROM x\n#${'c'.repeat(2000)}\n`]) {
    const { dockerfile, body, text } = await stdinContext(inPieces(Buffer.from(content), 7), 'other');
    assert.deepEqual([dockerfile, text], ['Dockerfile', content]);
    assert.deepEqual(await whole(body), Buffer.concat([tarEntry({ path: 'Dockerfile' }, content), TAR_END]));
  }
});

test('nothing, and too much for a Dockerfile, are refused', async () => {
  await assert.rejects(stdinContext(inPieces(Buffer.alloc(0), 1), ''), /nothing came from it/);
  const large = Buffer.alloc(5 * 1024 * 1024, 'a');
  await assert.rejects(stdinContext(inPieces(large, 65_536), ''), /too large for a Dockerfile/);
});
