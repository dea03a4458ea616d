import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatRecord } from './fake-log-writer.ts';
import { RecordReader } from './record-reader.ts';

const LINE = formatRecord({ stream: 'stdout', atNanos: 0n, isFull: true, text: 'x'.repeat(1000) });

test('RecordReader goes on where the file had ended, also when it looked ahead before', async () => {
  await using file = await temporaryFile(LINE.repeat(100));
  const reader = new RecordReader(file.handle);
  assert.equal((await reader.next())?.length, LINE.length * 100);
  await reader.settle(); // it has seen the end by now
  file.append(LINE);
  assert.equal((await reader.next())?.toString(), LINE);
  assert.equal(await reader.next(), undefined);
});

test('RecordReader returns whole records only, and every byte once', async () => {
  const content = LINE.repeat(2000);
  await using file = await temporaryFile(`${content}${LINE.slice(0, 60)}`);
  const reader = new RecordReader(file.handle);
  let text = '';
  for (let records = await reader.next(); records; records = await reader.next()) {
    assert.equal(records.at(-1), 0x0a);
    text += records.toString();
  }
  assert.equal(text, content);
  assert.ok(reader.isUnfinished);
  assert.equal(reader.takeUnfinished()?.toString(), `${LINE.slice(0, 60).replace(' F ', ' P ')}\n`);
  assert.ok(!reader.isUnfinished);
});

async function temporaryFile(content: string) {
  const folder = mkdtempSync(join(tmpdir(), 'quai-records-'));
  const path = join(folder, 'log');
  writeFileSync(path, content);
  const handle = await open(path, 'r');
  return {
    handle,
    append: (text: string) => appendFileSync(path, text),
    async [Symbol.asyncDispose]() {
      await handle.close();
      rmSync(folder, { recursive: true });
    },
  };
}
