import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();
const id = (letter: string): string => `sha256:${letter.repeat(64)}`;

const script: Script = {
  'GET /images/app/history': {
    body: [
      {
        Id: id('a'),
        Created: 1_700_000_000,
        CreatedBy:
          '/bin/sh -c #(nop)  CMD ["sh"] and a long text that goes over the usual forty-five characters',
        Size: 0,
        Comment: 'buildkit.dockerfile.v0',
        Tags: ['app:latest'],
      },
      {
        Id: '<missing>',
        Created: 1_600_000_000,
        CreatedBy: 'ADD\tfile:abc in /',
        Size: 4_261_550,
        Comment: '',
        Tags: null,
      },
      { Id: '<missing>', Created: 0, CreatedBy: '', Size: 12, Comment: '', Tags: null },
    ],
  },
  'GET /images/search': {
    body: [
      {
        name: 'nginx',
        description: 'Official build of Nginx. With a long description that is cut by the table',
        star_count: 19_000,
        is_official: true,
        is_automated: false,
      },
      { name: 'bitnami/nginx', description: 'Bitnami\nnginx', star_count: 200, is_official: false },
    ],
  },
  'POST /images/prune': {
    body: { ImagesDeleted: [{ Untagged: 'a:1' }, { Deleted: id('a') }], SpaceReclaimed: 1840 },
  },
  'GET /images/get': { body: 'the archive' },
  'GET /images/app/get': { body: 'the archive' },
  'GET /images/json': {
    body: [
      {
        Id: id('4'),
        RepoTags: ['app:latest', 'app:2'],
        RepoDigests: [],
        Created: 1_700_000_000,
        Size: 5_092_588,
        SharedSize: -1,
        Containers: -1,
        Manifests: [
          manifest('a', { architecture: 'amd64', os: 'linux' }, ['c1'], 3_000_000),
          manifest('b', { architecture: 'arm', os: 'linux', variant: 'v7' }, [], 0),
          {
            ID: id('c'),
            Kind: 'attestation',
            Available: true,
            Size: { Content: 10, Total: 10 },
            AttestationData: { For: id('a') },
          },
        ],
      },
      {
        Id: id('5'),
        RepoTags: null,
        RepoDigests: [],
        Created: 1_600_000_000,
        Size: 7,
        SharedSize: -1,
        Containers: 0,
      },
      {
        Id: id('6'),
        RepoTags: ['busybox:latest'],
        RepoDigests: [`busybox@${id('6')}`],
        Created: 1_650_000_000,
        Size: 4_260_000,
        SharedSize: -1,
        Containers: 2,
      },
    ],
  },
  'GET /images/app/json': { body: { Id: id('4'), RepoTags: ['app:latest'], Os: 'linux' } },
};

function manifest(letter: string, platform: object, containers: readonly string[], total: number): object {
  return {
    ID: id(letter),
    Kind: 'image',
    Available: total > 0,
    Size: { Content: total / 3, Total: total },
    ImageData: { Platform: platform, Containers: containers, Size: { Unpacked: total } },
  };
}

test("history: Docker's columns, formats and requests (S104, S369)", { skip }, async () => {
  for (const words of [
    ['history', 'app'],
    ['history', '--no-trunc', 'app'],
    ['history', '-q', 'app'],
    ['history', '-q', '--no-trunc', 'app'],
    ['history', '-H=false', 'app'],
    ['image', 'history', '--format', 'json', 'app'],
    ['history', '--format', '{{.ID}} {{.CreatedAt}} {{.Size}}', 'app'],
    ['history', '--format', 'table {{.CreatedBy}}\t{{.Size}}', 'app'],
    ['history', '--platform', 'linux/arm64', 'app'],
    ['history', 'nosuch'],
  ]) {
    await context.engine.same(script, words);
  }
});

test("search: Docker's columns, filters and formats (S105)", { skip }, async () => {
  for (const words of [
    ['search', 'nginx'],
    ['search', '--no-trunc', '--limit', '5', 'nginx'],
    ['search', '-f', 'stars=3', '-f', 'is-official=true', 'nginx'],
    ['search', '--format', 'json', 'nginx'],
    ['search', '--format', '{{.Name}}: {{.StarCount}} {{.IsOfficial}}', 'nginx'],
    ['search', '--format', 'table {{.Name}}\t{{.IsOfficial}}', 'nginx'],
    ['search', 'localhost:5000/nginx'],
    ['search', '-f', 'nonsense', 'nginx'],
  ]) {
    const theirs = await context.engine.docker(script, words);
    const ours = await context.engine.quai(script, words);
    assert.deepEqual([ours.stdout, ours.code], [theirs.stdout, theirs.code], words.join(' '));
    if (theirs.code === 0) await context.engine.same(script, words);
  }
});

test('image prune and system prune ask, and tell what went, as Docker', { skip }, async () => {
  const all: Script = {
    ...script,
    'POST /containers/prune': { body: { ContainersDeleted: ['c1', 'c2'], SpaceReclaimed: 10 } },
    'POST /networks/prune': { body: { NetworksDeleted: ['n1'] } },
    'POST /volumes/prune': { body: { VolumesDeleted: ['v1'], SpaceReclaimed: 20 } },
    'POST /build/prune': { body: { CachesDeleted: ['b1'], SpaceReclaimed: 30 } },
  };
  const nothing: Script = Object.fromEntries(
    Object.keys(all).map(route => [route, { body: { SpaceReclaimed: 0 } }]),
  );
  for (const words of [
    ['image', 'prune'],
    ['image', 'prune', '-a', '--filter', 'until=24h'],
    ['system', 'prune'],
    ['system', 'prune', '-a', '--volumes'],
    ['system', 'prune', '--volumes', '--filter', 'until=24h'],
    ['system', 'prune', '--filter', 'label=b', '--filter', 'label!=a'],
    ['volume', 'prune', '-a'],
    ['network', 'prune'],
    ['container', 'prune'],
  ]) {
    for (const input of ['y\n', 'n\n', '']) await context.engine.same(all, words, { input });
    await context.engine.same(all, [...words, '-f']);
    await context.engine.same(nothing, [...words, '-f']);
  }
});

test('save writes to standard output or a whole file, and refuses what cannot be written (S111)', {
  skip,
}, async () => {
  const { engine } = context;
  const file = `${engine.folder}/out.tar`;
  for (const words of [
    ['save', 'app'],
    ['save', 'app', 'other'],
    ['image', 'save', '--platform', 'linux/arm64', 'app'],
    ['save', '-o', file, 'app'],
    ['save', '-o', '/nonexistent/x', 'app'],
    ['save', '-o', engine.folder, 'app'],
    ['save', '-o', '/proc/version/x', 'app'],
    ['save', '-o', '/dev/null', 'app'],
  ]) {
    await engine.same(script, words);
  }
  assert.equal(readFileSync(file, 'utf8'), 'the archive');
  writeFileSync(file, 'what was there');
  const failing: Script = { 'GET /images/get': { status: 404, body: { message: 'No such image: app' } } };
  assert.equal((await engine.same(failing, ['save', '-o', file, 'app'])).code, 1);
  assert.equal(readFileSync(file, 'utf8'), 'what was there');
  assert.deepEqual(
    readdirSync(engine.folder).filter(name => name.endsWith('.tmp')),
    [],
  );
  assert.ok(existsSync(file));

  const theirs = await engine.onTerminal('docker', script, ['save', 'app']);
  const ours = await engine.onTerminal('quai', script, ['save', 'app']);
  assert.deepEqual([ours.code, ours.stdout, ours.asked], [theirs.code, theirs.stdout, []]);
});

test("images: Docker's table, digests and formats", { skip }, async () => {
  for (const words of [
    ['images'],
    ['images', '-a'],
    ['images', '--digests'],
    ['images', '--no-trunc', '-q'],
    ['image', 'ls', '-f', 'dangling=true', '-f', 'label=a=b'],
    ['images', '--format', 'json', 'app'],
    ['images', '--tree', '-q'],
    ['images', '--tree', '--format', 'json'],
    ['images', '--tree', '--no-trunc'],
  ]) {
    await context.engine.same(script, words);
  }
});

test('images --tree shows each platform below its image, as Docker does without its warnings', {
  skip,
}, async () => {
  for (const words of [
    ['images', '--tree'],
    ['images', '--tree', '-a'],
  ]) {
    const theirs = await context.engine.docker(script, words);
    const ours = await context.engine.quai(script, words);
    assert.deepEqual([ours.code, ours.asked], [theirs.code, theirs.asked]);
    const lines = stripVTControlCharacters(theirs.stdout)
      .split('\n')
      .map(line => line.trimEnd());
    const table = lines
      .slice(lines.findIndex(line => line.startsWith('IMAGE')))
      .join('\n')
      .trimEnd();
    // Docker counts the lines of the tree as three characters each
    const squeezed = (text: string): string[] => text.split('\n').map(line => line.replace(/  +/g, '  '));
    assert.deepEqual(squeezed(ours.stdout.trimEnd()), squeezed(table));
    const starts = ours.stdout
      .split('\n')
      .filter(line => /[0-9a-f]{12}/.test(line))
      .map(line => line.search(/[0-9a-f]{12}/));
    assert.equal(new Set(starts).size, 1, 'IDs stand below each other');
  }
});

test('image inspect --platform asks for that platform', { skip }, async () => {
  await context.engine.same(script, ['image', 'inspect', '--platform', 'linux/arm64', 'app']);
  await context.engine.same(script, ['image', 'inspect', '-f', '{{.Os}}', 'app']);
});

test('system df sums up and lists what takes space, as Docker; plugin ls lists plugins', {
  skip,
}, async () => {
  const usage: Script = {
    'GET /system/df': { body: readFileSync(new URL('./disk-usage.json', import.meta.url), 'utf8') },
    'GET /plugins': {
      body: [
        {
          Id: 'abc'.repeat(20),
          Name: 'vieux/sshfs:latest',
          Enabled: true,
          Config: { Description: 'ssh FS' },
          PluginReference: 'docker.io/vieux/sshfs:latest',
        },
      ],
    },
  };
  for (const words of [
    ['system', 'df'],
    ['system', 'df', '-v'],
    ['system', 'df', '--format', 'json'],
    ['system', 'df', '--format', '{{.Type}}: {{.Size}} {{.Reclaimable}}'],
    ['system', 'df', '--format', 'table {{.Type}}\t{{.Active}}'],
    ['plugin', 'ls'],
    ['plugin', 'ls', '-q'],
    ['plugin', 'ls', '--no-trunc', '-f', 'enabled=true'],
    ['plugin', 'ls', '--format', '{{.Name}} {{.PluginReference}}'],
  ]) {
    await context.engine.same(usage, words);
  }
  const empty: Script = {
    'GET /system/df': { body: { LayersSize: 0, Images: [], Containers: [], Volumes: [], BuildCache: [] } },
  };
  await context.engine.same(empty, ['system', 'df']);
  await context.engine.same(empty, ['system', 'df', '-v']);
});
