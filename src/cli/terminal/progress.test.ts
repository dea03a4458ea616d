import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { Json } from '#client/json';
import { showProgress } from './progress.ts';

async function shown(messages: Json[], { isTTY = false, quiet = false } = {}): Promise<string> {
  const out = Object.assign(new PassThrough(), { isTTY });
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

test('on a terminal a layer keeps its line', async () => {
  const text = await shown(pull, { isTTY: true });
  assert.ok(
    text.includes(
      `\x1b[1A\r\x1b[2Kabc: Downloading [${'='.repeat(25)}>${' '.repeat(24)}]  500B/1kB\r\x1b[1B`,
    ),
  );
  assert.equal(text.split('\n').length, 4, 'one line each for the tag, the layer and the end');
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
