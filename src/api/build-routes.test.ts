import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import type { BuildRequest } from '#build/build-request';
import { ServerProbe } from '#http/server-probe';
import { createApiServer } from './api-server.ts';
import type { BuildRouteDeps } from './build-routes.ts';
import { fakeBuildEvents, fakeBuilds, fakeCacheEntry, fakeVertex } from './fake-builds.ts';
import { fakeApiDeps } from './fake-services.ts';

async function probeOf(builds: Partial<BuildRouteDeps['builds']>): Promise<ServerProbe> {
  return await ServerProbe.start(createApiServer(fakeApiDeps({ builds: fakeBuilds(builds) })));
}

function recording(): { readonly asked: BuildRequest[]; readonly build: BuildRouteDeps['builds']['build'] } {
  const asked: BuildRequest[] = [];
  return {
    asked,
    build: async request => {
      asked.push(request);
      return { imageId: `sha256:${'9'.repeat(64)}`, tags: [] };
    },
  };
}

test('POST /build hands every parameter on, and what there is of credentials', async () => {
  const { asked, build } = recording();
  await using probe = await probeOf({ build });
  const configs = {
    'localhost:5000': { username: 'ann', password: 'secret' },
    'https://index.docker.io/v1/': { auth: Buffer.from('bob:word').toString('base64') },
    'registry.example': null,
  };
  const query = new URLSearchParams([
    ['t', 'a:1'],
    ['t', 'b'],
    ['dockerfile', 'sub/File'],
    ['nocache', '1'],
    ['pull', 'true'],
    ['buildargs', '{"A":"1","B":null}'],
    ['labels', '{"l":"v"}'],
    ['cachefrom', '["x:1"]'],
    ['extrahosts', 'h:1.2.3.4'],
    ['networkmode', 'none'],
    ['platform', 'linux/arm64'],
    ['target', 'dev'],
    ['memory', '67108864'],
    ['memswap', '-1'],
    ['cpushares', '2'],
    ['cpuperiod', 'x'],
    ['shmsize', '1024'],
    ['ulimits', '[{"Name":"nofile","Soft":1,"Hard":2}]'],
    ['securityopt', 'seccomp=unconfined'],
    ['rm', '0'],
    ['forcerm', '1'],
    ['version', '1'],
  ]);

  const answer = await probe.call('POST', `/v1.24/build?${query}`, {
    headers: { 'X-Registry-Config': Buffer.from(JSON.stringify(configs)).toString('base64url') },
    body: 'tar',
  });

  assert.equal(answer.status, 200, answer.text);
  const [{ credentials = () => ({}), ...request } = assert.fail('nothing was built')] = asked;
  assert.deepEqual(request, {
    context: { kind: 'archive', path: '/nonexistent/context' },
    dockerfile: { kind: 'path', path: 'sub/File' },
    tags: ['a:1', 'b'],
    noCache: true,
    pull: true,
    buildArgs: new Map([
      ['A', '1'],
      ['B', null],
    ]),
    labels: new Map([['l', 'v']]),
    cacheFrom: ['x:1'],
    extraHosts: ['h:1.2.3.4'],
    networkMode: 'none',
    platform: 'linux/arm64',
    target: 'dev',
    securityOpt: ['seccomp=unconfined'],
    limits: {
      memoryBytes: 67_108_864,
      memorySwapBytes: -1,
      cpuShares: 2,
      cpuPeriod: 0,
      cpuQuota: 0,
      cpusetCpus: '',
      cpusetMems: '',
      cgroupParent: '',
      shmBytes: 1024,
      ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
    },
  });
  assert.deepEqual(['localhost:5000', 'docker.io', 'registry.example', 'elsewhere'].map(credentials), [
    { username: 'ann', password: 'secret' },
    { username: 'bob', password: 'word' },
    {},
    {},
  ]);
});

test('POST /build answers in the lines that clients look into', async () => {
  await using probe = await probeOf({});
  const { text } = await probe.call('POST', '/build', { body: 'tar' });
  const lines = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as object);
  assert.deepEqual(lines, [
    { stream: 'Step 1/2 : FROM busybox' },
    { stream: '\n' },
    { stream: ' ---> 888888888888\n' },
    { stream: 'Step 2/2 : RUN make' },
    { stream: '\n' },
    { stream: 'made\n' },
    { stream: ' ---> 999999999999\n' },
    { aux: { ID: `sha256:${'9'.repeat(64)}` } },
    { stream: 'Successfully built 999999999999\n' },
    { stream: 'Successfully tagged x:latest\n' },
  ]);
});

test('POST /build?q=1 answers with the image only', async () => {
  await using probe = await probeOf({});
  const { text } = await probe.call('POST', '/build?q=1', { body: 'tar' });
  assert.equal(text, `{"stream":"sha256:${'9'.repeat(64)}\\n"}\n`);
});

test('POST /build fails with a status before it begins, and with a line afterwards', async () => {
  const run = fakeVertex(2, 'RUN make');
  const step = { line: 3, vertex: 'RUN make', exitCode: 7, output: ['no rule'] };
  const failures: readonly [
    path: string,
    build: BuildRouteDeps['builds']['build'],
    status: number,
    last: string,
  ][] = [
    [
      '/build',
      async () => {
        throw new EngineError('invalid', 'dockerfile parse error on line 1: unknown instruction: FRM');
      },
      400,
      '{"message":"dockerfile parse error on line 1: unknown instruction: FRM"}',
    ],
    [
      '/build?q=1',
      async (_request, emit) => {
        for (const event of fakeBuildEvents.slice(0, 5)) await emit(event);
        await emit({ type: 'failed', vertex: run, at: 0, message: 'failed', isCancelled: false });
        throw Object.assign(new EngineError('invalid', 'make failed'), { step });
      },
      200,
      '{"errorDetail":{"code":7,"line":3,"vertex":"RUN make","output":["no rule"],"message":"make failed"},"error":"make failed"}',
    ],
    [
      '/quai/build',
      async () => {
        throw Object.assign(new EngineError('invalid', 'unknown instruction: FRM'), { line: 4 });
      },
      200,
      '{"errorDetail":{"line":4,"message":"unknown instruction: FRM"},"error":"unknown instruction: FRM"}',
    ],
  ];
  for (const [path, build, status, last] of failures) {
    await using probe = await probeOf({ build });
    const answer = await probe.call('POST', path, { body: 'tar' });
    assert.equal(answer.status, status, path);
    assert.equal(answer.text.trim().split('\n').at(-1), last);
    if (path === '/build?q=1') assert.match(answer.text, /"stream":"made\\n"/);
  }
});

for (const [query, status, message] of [
  ['version=2', 501, /DOCKER_BUILDKIT=0$/],
  ['version=3', 400, /invalid version 3/],
  ['squash=1', 501, /quai image squash/],
  ['isolation=hyperv', 400, /unsupported isolation: "hyperv"/],
  ['outputs=%5B%7B%7D%5D', 501, /outputs/],
  ['buildargs=%5B%5D', 400, /error reading build arguments/],
  ['labels=%7B', 400, /error reading labels/],
  ['ulimits=%7B%7D', 400, /error reading ulimits/],
  ['shmsize=1m', 400, /strconv.ParseInt: parsing "1m"/],
  ['platform=a/b/c/d', 400, /platform/],
] as const) {
  test(`POST /build?${query}: ${status}`, async () => {
    const { asked, build } = recording();
    await using probe = await probeOf({ build });
    const answer = await probe.call('POST', `/build?${query}`, { body: 'tar' });
    assert.equal(answer.status, status, answer.text);
    assert.match((answer.json() as { message: string }).message, message);
    assert.equal(asked.length, 0);
  });
}

test('POST /build refuses credentials that are none, and does not repeat them', async () => {
  await using probe = await probeOf({});
  const headers = { 'X-Registry-Config': Buffer.from('{"a":secret').toString('base64') };
  const answer = await probe.call('POST', '/build', { headers, body: 'tar' });
  assert.equal(answer.status, 400);
  assert.doesNotMatch(answer.text, /secret/);
});

test('POST /build/cancel ends the build of that identifier, and no other', async () => {
  const begun = Promise.withResolvers<void>();
  await using probe = await probeOf({
    build: async (_request, _emit, options) => {
      begun.resolve();
      await new Promise(resolve => options?.signal?.addEventListener('abort', resolve, { once: true }));
      throw new EngineError('cancelled', 'the build was cancelled');
    },
  });
  const answer = probe.call('POST', '/build?buildid=one', { body: 'tar' });
  await begun.promise;
  assert.equal((await probe.call('POST', '/build/cancel')).status, 400);
  assert.equal((await probe.call('POST', '/build/cancel?id=other')).status, 200);
  assert.equal((await probe.call('POST', '/build/cancel?id=one')).status, 200);
  assert.equal((await answer).status, 499);
});

test('POST /quai/build gives secrets to one build only', async () => {
  const { asked, build } = recording();
  await using probe = await probeOf({ build });
  const body = { key: Buffer.from('s3cret').toString('base64') };
  const sent = await probe.call('POST', '/quai/build/secrets', { body: JSON.stringify(body) });
  const { Id } = sent.json() as { Id: string };
  assert.equal((await probe.call('POST', `/quai/build?secrets=${Id}`, { body: 'tar' })).status, 200);
  assert.deepEqual(asked[0]?.secrets, new Map([['key', Buffer.from('s3cret')]]));
  assert.equal((await probe.call('POST', `/quai/build?secrets=${Id}`, { body: 'tar' })).status, 404);
  for (const bad of ['{"key":"???"}', '[', '{"key":1}']) {
    const refused = await probe.call('POST', '/quai/build/secrets', { body: bad });
    assert.equal(refused.status, 400);
    assert.doesNotMatch(refused.text, /\?\?\?/);
  }
});

test('POST /build/prune turns each filter into what it removes', async () => {
  const pruned: (readonly string[] | undefined)[] = [];
  const old = { ...fakeCacheEntry, id: 'old', lastUsedAt: 0, isShared: true, parents: ['c1'] };
  await using probe = await probeOf({
    cacheEntries: () => [{ ...fakeCacheEntry, lastUsedAt: Date.now() }, old],
    pruneCache: async options => {
      const { ids, keepBytes } = options ?? {};
      pruned.push(keepBytes === undefined ? ids : [`${keepBytes}`]);
      return { deleted: [], reclaimedBytes: 0 };
    },
  });
  const prune = (query: string) => probe.call('POST', `/build/prune?${query}`);
  const filters = [
    'id=old',
    'until=1h',
    'shared=true',
    'private=',
    'inuse=false',
    'parent=c1',
    'description=make',
  ];
  for (const filter of [...filters, 'type=exec.cachemount']) {
    const [name = '', value = ''] = filter.split('=');
    const answer = await prune(`filters=${encodeURIComponent(JSON.stringify({ [name]: [value] }))}`);
    assert.equal(answer.text, '{"CachesDeleted":null,"SpaceReclaimed":0}\n', filter);
  }
  assert.deepEqual(pruned, [['old'], ['old'], ['old'], ['c1'], ['c1', 'old'], ['old'], ['c1', 'old']]);
  await prune('reserved-space=9');
  await prune('keep-storage=8');
  assert.deepEqual(pruned.slice(-2), [['9'], ['8']]);
  assert.equal((await prune('filters={"colour":["x"]}')).status, 400);
  assert.equal((await prune('min-free-space=1')).status, 501);
});

test('POST /quai/build/secrets takes so much, and so many, and no more', async () => {
  await using probe = await probeOf({});
  const send = (bytes: number) =>
    probe.call('POST', '/quai/build/secrets', {
      body: JSON.stringify({ key: Buffer.alloc(bytes).toString('base64') }),
    });
  assert.equal((await send(500 * 1024 + 1)).status, 400);
  for (let count = 0; count < 100; count++) assert.equal((await send(1)).status, 201);
  assert.equal((await send(1)).status, 503);
});
