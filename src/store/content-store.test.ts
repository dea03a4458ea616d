import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ContentStore } from './content-store.ts';

const digestOf = (bytes: Buffer | string) =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as const;
const HELLO = digestOf('hello');

function store(): { readonly content: ContentStore; readonly root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'quai-content-'));
  return {
    root,
    content: new ContentStore({ root }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

const files = (root: string): string[] => [
  ...readdirSync(join(root, 'ingest')),
  ...readdirSync(join(root, 'blobs/sha256')),
];

test('a blob is there under its digest once it is committed, not before', async () => {
  using subject = store();
  const { content, root } = subject;
  await using writer = await content.writer();
  await writer.write(Buffer.from('hel'));
  await writer.write(Buffer.from('lo'));
  assert.equal(content.has(HELLO), false);
  assert.equal(await writer.commit({ digest: HELLO, sizeBytes: 5 }), HELLO);
  assert.equal(await writer.commit(), HELLO);
  assert.equal(content.has(HELLO), true);
  assert.equal(content.size(HELLO), 5);
  assert.equal(writer.path, content.path(HELLO));
  assert.deepEqual(files(root), [HELLO.slice(7)]);
  assert.equal(statSync(content.path(HELLO)).mode & 0o777, 0o600);
});

test('a writer that is not committed, or with other bytes than announced, leaves nothing', async () => {
  using subject = store();
  const { content, root } = subject;
  {
    await using writer = await content.writer();
    await writer.write(Buffer.from('x'));
  }
  {
    await using writer = await content.writer();
    await writer.write(Buffer.from('x'));
    await assert.rejects(writer.commit({ digest: HELLO }), {
      kind: 'dataLoss',
      message: /expected sha256:2cf24/,
    });
    await assert.rejects(writer.commit({ sizeBytes: 7 }), {
      kind: 'dataLoss',
      message: /expected 7 bytes .* got 1/,
    });
  }
  assert.deepEqual(files(root), []);
});

test('a sealed writer can be read where it is, and takes no more', async () => {
  using subject = store();
  await using writer = await subject.content.writer();
  await writer.write(Buffer.from('hello'));
  assert.equal(await writer.seal(), HELLO);
  assert.equal(readFileSync(writer.path, 'utf8'), 'hello');
  await writer.flush();
  await assert.rejects(writer.write(Buffer.from('x')), TypeError);
});

test('pieces larger and smaller than the buffer arrive in order', async () => {
  using subject = store();
  const pieces = [1, 700_000, 3, 512 * 1024, 5].map((length, index) => Buffer.alloc(length, index + 1));
  await using writer = await subject.content.writer();
  for (const piece of pieces) await writer.write(piece);
  const digest = await writer.commit();
  assert.equal(digest, digestOf(Buffer.concat(pieces)));
  assert.deepEqual(readFileSync(subject.content.path(digest)), Buffer.concat(pieces));
});

test('bytes that somebody reads along are hashed by him, and told as soon as they can be read', async () => {
  using subject = store();
  const told: number[] = [];
  const piece = Buffer.alloc(2 * 1024 * 1024, 'a');
  await using writer = await subject.content.writer({
    onWritten: bytes => void told.push(Math.min(bytes, statSync(writer.path).size)),
  });
  await writer.write(piece);
  await writer.write(Buffer.from('hello'));
  await assert.rejects(writer.seal(), TypeError);
  assert.deepEqual(told, [piece.length, piece.length + 5]);
  const digest = digestOf(Buffer.concat([piece, Buffer.from('hello')]));
  writer.isHashed(digest);
  assert.equal(await writer.commit({ sizeBytes: piece.length + 5 }), digest);
  await using other = await subject.content.writer();
  assert.throws(() => other.isHashed(digest), TypeError);
});

test('two writers of the same bytes both succeed', async () => {
  using subject = store();
  const [one, two] = await Promise.all([
    subject.content.add(Buffer.from('hello')),
    subject.content.add(Buffer.from('hello')),
  ]);
  assert.deepEqual([one, two], [HELLO, HELLO]);
  assert.deepEqual(files(subject.root), [HELLO.slice(7)]);
});

test('read() and stream() give what was written, and notice damage', async () => {
  using subject = store();
  const { content } = subject;
  await content.add(Buffer.from('hello'));
  const streamed = async (): Promise<string> => {
    let text = '';
    for await (const chunk of content.stream(HELLO)) text += chunk.toString();
    return text;
  };
  assert.equal((await content.read(HELLO, { maxBytes: 5 })).toString(), 'hello');
  assert.equal(await streamed(), 'hello');
  await assert.rejects(content.read(HELLO, { maxBytes: 4 }), { kind: 'invalid' });
  writeFileSync(content.path(HELLO), 'hellO');
  await assert.rejects(content.read(HELLO, { maxBytes: 5 }), { kind: 'dataLoss' });
  await assert.rejects(streamed(), { kind: 'dataLoss' });
  await content.remove(HELLO);
  await content.remove(HELLO);
  await assert.rejects(content.read(HELLO, { maxBytes: 5 }), { kind: 'notFound' });
  await assert.rejects(streamed(), { kind: 'notFound' });
  assert.throws(() => content.size(HELLO), { kind: 'notFound' });
});

test('remove() takes the name at once, and nothing of what is published under it meanwhile', async () => {
  using subject = store();
  const { content } = subject;
  await content.add(Buffer.from('hello'));
  const again = join(subject.root, 'ingest/again');
  writeFileSync(again, 'hello');
  const removal = content.remove(HELLO);
  assert.ok(!content.has(HELLO));
  renameSync(again, content.path(HELLO));
  await removal;
  assert.ok(content.has(HELLO));
  assert.deepEqual(files(subject.root), [HELLO.slice(7)]);
});

test('sweep() removes half-written blobs and those nobody owns', async () => {
  using subject = store();
  const { content, root } = subject;
  const kept = await content.add(Buffer.from('kept'));
  await content.add(Buffer.from('orphan'));
  writeFileSync(join(root, 'ingest/half'), 'x');
  content.sweep(digest => digest === kept);
  assert.deepEqual(files(root), [kept.slice(7)]);
});

test('sweep() leaves alone what is being written', async () => {
  using subject = store();
  const { content, root } = subject;
  await using writer = await content.writer();
  await writer.write(Buffer.from('hello'));
  content.sweep(() => false);
  assert.equal(await writer.commit(), HELLO);
  assert.deepEqual(files(root), [HELLO.slice(7)]);
});

test('a blob that is a layer’s tar as well stays the same file when its bytes come again', async () => {
  using subject = store();
  const { content, root } = subject;
  await content.add(Buffer.from('hello'));
  const tar = join(root, 'layer.tar');
  linkSync(content.path(HELLO), tar);
  assert.equal(await content.add(Buffer.from('hello')), HELLO);
  assert.equal(statSync(content.path(HELLO)).ino, statSync(tar).ino);
  assert.equal(content.ownBytes(HELLO), 0);
  assert.deepEqual(files(root), [HELLO.slice(7)]);
});
