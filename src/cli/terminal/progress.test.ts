import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Json } from '#client/json';
import { showProgress } from './progress.ts';

async function shown(
  messages: Json[],
  { isTTY = false, quiet = false, columns = 80, rows = 24 } = {},
): Promise<string> {
  const out = Object.assign(new PassThrough(), { isTTY, columns, rows });
  async function* source(): AsyncGenerator<Json> {
    yield* messages;
  }
  await showProgress(source(), out, { quiet });
  out.end();
  return Buffer.concat(await out.toArray()).toString();
}

const pull: Json[] = [
  { status: 'Pulling from library/busybox', id: 'latest' },
  { status: 'Pulling fs layer', id: 'abc', progressDetail: {} },
  { status: 'Downloading', id: 'abc', progressDetail: { current: 500, total: 1000 } },
  { status: 'Pull complete', id: 'abc', progressDetail: {} },
  { status: 'Status: Downloaded newer image' },
];

test('without a terminal each message is a line, and counts are left out', async () => {
  assert.equal(
    await shown(pull),
    'latest: Pulling from library/busybox\nabc: Pulling fs layer\nabc: Pull complete\nStatus: Downloaded newer image\n',
  );
});

test('on a terminal a layer keeps its line, and has a bar where there is room', async () => {
  const text = await shown(pull, { isTTY: true, columns: 140 });
  const bar = `[${'='.repeat(25)}>${' '.repeat(25)}]`;
  assert.ok(
    text.includes(`\x1b[1A\rabc: Downloading ${bar}     500B/1kB\x1b[K\r\x1b[1B`),
    JSON.stringify(text),
  );
  assert.equal(text.split('\n').length, 4, 'one line each for the tag, the layer and the end');
  assert.ok(
    (await shown(pull, { isTTY: true, columns: 80 })).includes('abc: Downloading     500B/1kB\x1b[K'),
  );
});

test('on a terminal no line wraps, and nothing that a registry says moves the cursor', async () => {
  const long = [{ status: `\x1b[2J${'x'.repeat(50)}`, id: 'abc', progressDetail: {} }];
  assert.equal(await shown(long, { isTTY: true, columns: 20 }), `abc:  [2J${'x'.repeat(9)}…\x1b[K\n`);
});

test('layers beyond the height of the terminal are out of reach, and stay as they are', async () => {
  const ids = ['a', 'b', 'c', 'd'];
  const first = ids.map(id => ({ status: 'Waiting', id, progressDetail: {} }));
  const text = await shown([...first, ...ids.map(id => ({ status: 'Done', id, progressDetail: {} }))], {
    isTTY: true,
    rows: 3,
  });
  assert.equal(text.match(/Done/g)?.length, 2);
  assert.ok(!text.includes('\x1b[3A') && !text.includes('\x1b[4A'));
});

test('text goes out as it is, quiet shows nothing', async () => {
  assert.equal(await shown([{ stream: 'Loaded image: a:1\n' }]), 'Loaded image: a:1\n');
  assert.equal(await shown(pull, { quiet: true }), '');
});

test('an error of the engine ends it', async () => {
  await assert.rejects(shown([{ errorDetail: { message: 'no space left' }, error: 'no space left' }]), {
    name: 'CliError',
    message: 'no space left',
  });
});
