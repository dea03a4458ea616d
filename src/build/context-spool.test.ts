import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ContextSpool } from './context-spool.ts';

async function* bytes(...parts: string[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part);
}

describe('ContextSpool', () => {
  const base = mkdtempSync(join(tmpdir(), 'quai-spool-'));
  after(() => rmSync(base, { recursive: true }));

  test('receive() keeps what is sent until it is disposed, and sweeps what an earlier life left', async () => {
    const folder = join(base, 'kept');
    mkdirSync(join(folder, 'c-old'), { recursive: true });
    writeFileSync(join(folder, 'c-old', 'context'), 'old');
    const spool = new ContextSpool({ folder });
    assert.deepEqual(readdirSync(folder), []);
    {
      await using spooled = await spool.receive(bytes('ab', 'c'));
      assert.ok(spooled.context.kind === 'archive');
      assert.equal(readFileSync(spooled.context.path, 'utf8'), 'abc');
      assert.equal(spooled.sizeBytes, 3);
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  test('receive() of nothing is no context', async () => {
    const spool = new ContextSpool({ folder: join(base, 'none') });
    await using spooled = await spool.receive(bytes());
    assert.deepEqual(spooled.context, { kind: 'none' });
  });

  test('receive() refuses more than it may take, and a full disk, and leaves nothing', async () => {
    const folder = join(base, 'bounds');
    const small = new ContextSpool({ folder, maxBytes: 4 });
    await assert.rejects(small.receive(bytes('abc', 'de')), { kind: 'invalid', message: /\.dockerignore/ });
    const full = new ContextSpool({ folder, freeBytes: Number.MAX_SAFE_INTEGER });
    await assert.rejects(full.receive(bytes('a')), {
      kind: 'unavailable',
      message: /^no space left on device/,
    });
    const gone = new AbortController();
    gone.abort();
    await assert.rejects(small.receive(bytes('a'), { signal: gone.signal }));
    assert.ok(existsSync(folder));
    assert.deepEqual(readdirSync(folder), []);
  });
});
