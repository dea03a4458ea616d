import assert from 'node:assert/strict';
import { test } from 'node:test';
import { screenOf } from '../../support/screen.ts';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();
const DIGEST = `sha256:${'4bcff639'.repeat(8)}`;

function progress(id: string, status: string, detail: object = {}): string {
  return JSON.stringify({ status, progressDetail: detail, id });
}

const layers = [
  '{"status":"Pulling from library/busybox","id":"latest"}',
  progress('aaaaaaaaaaaa', 'Pulling fs layer'),
  progress('bbbbbbbbbbbb', 'Pulling fs layer'),
  progress('bbbbbbbbbbbb', 'Downloading', { current: 500, total: 10_000 }),
  progress('aaaaaaaaaaaa', 'Downloading', { current: 50_000_000, total: 100_000_000 }),
  progress('bbbbbbbbbbbb', 'Download complete'),
  progress('bbbbbbbbbbbb', 'Extracting', { current: 3, units: 's' }),
  progress('aaaaaaaaaaaa', 'Downloading', { current: 77 }),
  progress('cccccccccccc', 'Downloading', { current: 200, total: 100 }),
  progress('cccccccccccc', 'Extracting', { current: 2, total: 4, units: 'files' }),
  progress('bbbbbbbbbbbb', 'Pull complete'),
];
const end = [
  progress('aaaaaaaaaaaa', 'Pull complete'),
  `{"status":"Digest: ${DIGEST}"}`,
  '{"status":"Status: Downloaded newer image for busybox:latest"}',
];
const pull: Script = { 'POST /images/create': { body: [...layers, ...end] } };

test('pull: the same words, requests and status as Docker, not on a terminal', { skip }, async () => {
  const { engine } = context;
  for (const words of [
    ['pull', 'busybox'],
    ['pull', 'busybox:1.36'],
    ['pull', '-q', 'busybox'],
    ['pull', '-a', 'localhost:5000/team/app'],
    ['pull', '--quiet', '--platform', 'linux/arm64', 'busybox'],
    ['pull', `busybox@${DIGEST}`],
    ['image', 'pull', `localhost:5000/app:1@${DIGEST}`],
    ['pull', '-a', 'busybox:1'],
  ]) {
    await engine.same(pull, words);
  }
});

test('pull: what a registry refuses is said on standard error, with status 1', { skip }, async () => {
  const { engine } = context;
  const message = 'pull access denied for nosuch, repository does not exist or may require docker login';
  const refused: Script = { 'POST /images/create': { status: 404, body: { message } } };
  const theirRefusal = await engine.docker(refused, ['pull', 'nosuch']);
  const ourRefusal = await engine.quai(refused, ['pull', 'nosuch']);
  assert.deepEqual([theirRefusal.code, ourRefusal.code], [1, 1]);
  const hint = '\nLook for its name: quai search nosuch\nIf it is private: quai login\n';
  assert.equal(
    ourRefusal.stderr.trimStart(),
    theirRefusal.stderr.trimStart().trimEnd() + hint,
    'and what to do',
  );
  const late: Script = {
    'POST /images/create': {
      body: [
        ...layers,
        '{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}',
      ],
    },
  };
  await engine.same(late, ['pull', '-q', 'busybox']);
  await engine.same(late, ['pull', 'busybox']);
  const missing: Script = {
    ...late,
    'POST /containers/create': { status: 404, body: { message: 'No such image: busybox:latest' } },
  };
  for (const [command, status] of [
    ['run', 125],
    ['create', 1],
  ] as const) {
    const theirs = await engine.docker(missing, [command, 'busybox']);
    const ours = await engine.quai(missing, [command, 'busybox']);
    assert.deepEqual([theirs.code, ours.code], [status, status]);
    assert.equal(ours.stderr.replaceAll('quai', 'docker'), theirs.stderr);
  }
});

for (const columns of [80, 140]) {
  test(`pull on a terminal of ${columns} columns shows the same screen as Docker at every step`, {
    skip,
  }, async () => {
    const { engine } = context;
    for (const count of [3, 5, 8, layers.length, layers.length + end.length]) {
      const script: Script = { 'POST /images/create': { body: [...layers, ...end].slice(0, count) } };
      const theirs = await engine.onTerminal('docker', script, ['pull', 'busybox'], { columns });
      const ours = await engine.onTerminal('quai', script, ['pull', 'busybox'], { columns });
      assert.deepEqual(screenOf(ours.stdout), screenOf(theirs.stdout));
    }
  });
}

test('push: the same words, requests and status as Docker', { skip }, async () => {
  const { engine } = context;
  const body = [
    '{"status":"The push refers to repository [localhost:5000/team/app]"}',
    progress('aaaaaaaaaaaa', 'Preparing'),
    progress('aaaaaaaaaaaa', 'Pushing', { current: 5, total: 9 }),
    progress('aaaaaaaaaaaa', 'Pushed'),
    `{"status":"1: digest: ${DIGEST} size: 527"}`,
    `{"progressDetail":{},"aux":{"Tag":"1","Digest":"${DIGEST}","Size":527}}`,
  ];
  const script: Script = {
    'POST /images/localhost:5000/team/app/push': { body },
    'POST /images/docker.io/library/busybox/push': {
      body: ['{"errorDetail":{"message":"name unknown: no such"},"error":"name unknown: no such"}'],
    },
  };
  for (const words of [
    ['push', 'localhost:5000/team/app'],
    ['push', 'localhost:5000/team/app:1'],
    ['image', 'push', '-q', 'localhost:5000/team/app:1'],
    ['push', '-a', 'localhost:5000/team/app'],
    ['push', '-qa', 'localhost:5000/team/app'],
    ['push', '--platform', 'linux/arm64', 'localhost:5000/team/app:1'],
    ['push', '--platform', 'linux/arm/v7', '-q', 'localhost:5000/team/app:1'],
    ['push', '-a', 'localhost:5000/team/app:1'],
    ['push', `localhost:5000/team/app@${DIGEST}`],
    ['push', 'busybox'],
    ['push', 'Busybox'],
  ]) {
    await engine.same(script, words);
  }
});

test('run: an image that is missing is pulled, with progress on standard error', { skip }, async () => {
  const { engine } = context;
  let tries = 0;
  const script: Script = {
    ...pull,
    'POST /containers/create': () => {
      if (tries++ % 2 === 0) return { status: 404, body: { message: 'No such image: busybox:latest' } };
      return { status: 201, body: { Id: 'c'.repeat(64), Warnings: [] } };
    },
  };
  for (const words of [
    ['create', 'busybox'],
    ['create', '-q', 'busybox'],
  ]) {
    const theirs = await engine.docker(script, words);
    const ours = await engine.quai(script, words);
    assert.deepEqual([ours.code, ours.stdout, ours.stderr], [theirs.code, theirs.stdout, theirs.stderr]);
    const routes = (asked: typeof ours.asked): string[] =>
      asked.map(({ route, query }) => `${route} ${JSON.stringify(query)}`);
    assert.deepEqual(routes(ours.asked), routes(theirs.asked));
  }
});
