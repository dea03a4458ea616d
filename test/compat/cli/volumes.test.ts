import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();

const volume = {
  CreatedAt: '2026-01-02T15:04:05Z',
  Driver: 'local',
  Labels: { tier: 'back' },
  Mountpoint: '/var/lib/x/volumes/data/_data',
  Name: 'data',
  Options: { type: 'tmpfs' },
  Scope: 'local',
};

const script: Script = {
  'POST /volumes/create': { status: 201, body: volume },
  'GET /volumes': {
    body: {
      Volumes: [{ ...volume, Name: 'v10' }, volume, { ...volume, Name: 'v9', Labels: null }],
      Warnings: null,
    },
  },
  'GET /volumes/data': { body: volume },
  'DELETE /volumes/data': { status: 204 },
  'DELETE /volumes/used': { status: 409, body: { message: 'remove used: volume is in use - [abc]' } },
};

test('volume create sends what Docker sends', { skip }, async () => {
  for (const words of [
    [],
    ['data'],
    ['--name', 'data'],
    ['--name', 'data', 'data'],
    [
      '-d',
      'local',
      '-o',
      'type=btrfs',
      '--opt',
      'device=/dev/sda2',
      '--label',
      'a=b',
      '--label',
      'c',
      'data',
    ],
    ['-o', 'o=size=10m,uid=1000', 'data'],
  ]) {
    await context.engine.same(script, ['volume', 'create', ...words]);
  }
});

test('volume ls, inspect and rm show what Docker shows', { skip }, async () => {
  for (const words of [
    ['ls'],
    ['ls', '-q'],
    ['list', '-f', 'dangling=true', '--filter', 'driver=local'],
    ['ls', '--format', 'json'],
    [
      'ls',
      '--format',
      '{{.Name}} {{.Driver}} {{.Mountpoint}} {{.Labels}} {{.Label "tier"}} {{.Scope}} {{.Size}}',
    ],
    ['ls', '--format', 'table {{.Name}}\t{{.Links}}'],
    ['inspect', 'data'],
    ['inspect', 'data', 'nosuch'],
    ['inspect', '-f', '{{.Mountpoint}} {{json .Labels}}', 'data'],
    ['rm', 'data'],
    ['remove', 'data', 'used', 'nosuch'],
    ['rm', '-f', 'nosuch'],
  ]) {
    await context.engine.same(script, ['volume', ...words]);
  }
});

test('what belongs to clusters is refused with a reason, on both', { skip }, async () => {
  const words = ['volume', 'update', '--availability', 'drain', 'data'];
  const theirs = await context.engine.docker(script, words);
  const ours = await context.engine.quai(script, words);
  assert.deepEqual([ours.code, theirs.code], [1, 1]);
  assert.match(ours.stderr, /^not implemented yet: quai volume update/);
});
