import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();

const missing = { status: 404, body: { message: 'No such container: nope' } };
const script: Script = {
  'GET /containers/web/changes': {
    body: [
      { Path: '/etc', Kind: 0 },
      { Path: '/new file', Kind: 1 },
      { Path: '/gone', Kind: 2 },
    ],
  },
  'GET /containers/idle/changes': { body: 'null', headers: { 'content-type': 'application/json' } },
  'GET /containers/nope/changes': missing,
  'GET /containers/web/export': { body: 'the archive' },
  'GET /containers/nope/export': missing,
  'POST /commit': { status: 201, body: { Id: `sha256:${'a'.repeat(64)}` } },
};

test('diff and export ask and show what Docker does', { skip }, async () => {
  for (const words of [
    ['diff', 'web'],
    ['container', 'diff', 'idle'],
    ['diff', 'nope'],
    ['export', 'web'],
    ['export', 'nope'],
    ['container', 'export', '-o', '/nonexistent/x.tar', 'web'],
    ['export', '-o', '/tmp', 'web'],
  ]) {
    await context.engine.same(script, words);
  }
});

test('commit sends what Docker sends', { skip }, async () => {
  for (const words of [
    ['web'],
    ['web', 'backup/my-container'],
    ['web', 'localhost:5000/team/app:2'],
    ['-a', 'Ann <ann@example.com>', '-m', 'a message', '-c', 'CMD x', '--change', 'ENV a=b c=d', 'web', 'x'],
    ['--pause=false', 'web'],
    ['-p=false', 'web', 'x:1'],
    ['-p', 'web'],
  ]) {
    await context.engine.same(script, ['commit', ...words]);
  }
  const refused = await context.engine.quai(script, ['commit', 'web', `x@sha256:${'a'.repeat(64)}`]);
  assert.deepEqual([refused.code, refused.asked], [1, []]);
});
