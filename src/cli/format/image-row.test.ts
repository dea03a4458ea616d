import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageRows } from './image-row.ts';
import type { Row } from './row.ts';

const options = { now: Date.UTC(2026, 0, 2), truncate: true, digests: false };
const digest = `sha256:${'a'.repeat(64)}`;

function names(image: object, digests = false): string[] {
  const json = {
    Id: 'sha256:0123456789abcdef',
    Created: 0,
    Size: 247e6,
    Containers: -1,
    SharedSize: -1,
    ...image,
  };
  return imageRows(json, { ...options, digests }).map(row => {
    const id = digests ? textOf(row, 'Digest').slice(0, 9) : textOf(row, 'ID');
    return `${textOf(row, 'Repository')} ${textOf(row, 'Tag')} ${id}`;
  });
}

function textOf(row: Row, name: string): string {
  const value = row[name];
  return typeof value === 'string' ? value : '';
}

test('an image has a row per tag', () => {
  assert.deepEqual(names({ RepoTags: ['a:1', 'reg:5000/b:latest'] }), [
    'a 1 0123456789ab',
    'reg:5000/b latest 0123456789ab',
  ]);
});

test('an image without tag has one row, also when the engine says so in words', () => {
  assert.deepEqual(names({ RepoTags: [] }), ['<none> <none> 0123456789ab']);
  assert.deepEqual(names({ RepoTags: null, RepoDigests: null }), ['<none> <none> 0123456789ab']);
  assert.deepEqual(names({ RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] }), [
    '<none> <none> 0123456789ab',
  ]);
});

test('digests are shown when asked for, or when they are the only name', () => {
  const image = { RepoTags: ['a:1'], RepoDigests: [`a@${digest}`, `b@${digest}`] };
  assert.deepEqual(names(image), ['a 1 0123456789ab', 'b <none> 0123456789ab']);
  assert.deepEqual(names(image, true), ['a 1 sha256:aa', 'b <none> sha256:aa']);
});
