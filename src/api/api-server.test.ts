import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import { readUntil, ServerProbe } from '#http/server-probe';
import { acceptKey } from '#http/web-socket';
import { type ApiServerDeps, createApiServer } from './api-server.ts';
import {
  CONTAINER_ID,
  EXEC_ID,
  echoSession,
  fakeApiDeps,
  fakeContainers,
  fakeImages,
} from './fake-services.ts';

function start(change: Partial<ApiServerDeps> = {}): Promise<ServerProbe> {
  return ServerProbe.start(createApiServer(fakeApiDeps(change)));
}

const UPGRADE = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';

test('every answer names the API version, errors too', async () => {
  await using probe = await start();
  for (const path of ['/info', '/nothing', '/v1.99/info', '/containers/none/json']) {
    const { headers } = await probe.call('GET', path);
    assert.equal(headers['api-version'], '1.55', path);
    assert.equal(headers['ostype'], 'linux');
    assert.equal(headers['docker-experimental'], 'false');
    assert.equal(headers['server'], 'Quai/0.1.0 (linux)');
  }
});

test('/_ping answers GET and HEAD, is never cached, and says that there is no BuildKit', async () => {
  await using probe = await start();
  for (const [method, body] of [
    ['GET', 'OK'],
    ['HEAD', ''],
  ] as const) {
    const answer = await probe.call(method, '/_ping');
    assert.equal(answer.text, body);
    assert.equal(answer.headers['builder-version'], '1');
    assert.equal(answer.headers['swarm'], 'inactive');
    assert.equal(answer.headers['cache-control'], 'no-cache, no-store, must-revalidate');
    assert.equal(answer.headers['pragma'], 'no-cache');
    assert.equal(answer.headers['content-length'], String(body.length));
  }
});

for (const version of ['1.24', '1.30', '1.40', '1.41', '1.42', '1.44', '1.48', '1.50', '1.52', '1.55']) {
  test(`API ${version} answers everything a client reads first`, async () => {
    await using probe = await start();
    const paths = ['_ping', 'version', 'info', 'containers/json?all=1', 'containers/web/json', 'images/json'];
    const more = [
      'images/busybox/json',
      'volumes',
      'networks',
      'networks/bridge',
      'system/df',
      'events?until=1',
    ];
    for (const path of [...paths, ...more]) {
      assert.equal((await probe.call('GET', `/v${version}/${path}`)).status, 200, path);
    }
  });
}

test('requests from web pages are refused, whatever they ask for', async () => {
  let calls = 0;
  const containers = fakeContainers({
    create: () => {
      calls++;
      return Promise.reject(new EngineError('internal', 'not to be reached'));
    },
  });
  await using probe = await start({ containers });
  const pages: Record<string, string>[] = [
    { Origin: 'http://evil.example' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
  ];
  for (const headers of pages) {
    const answer = await probe.call('POST', '/containers/create', { headers, body: { Image: 'x' } });
    assert.equal(answer.status, 403);
  }
  const ws = await probe.converse(
    `GET /containers/web/attach/ws HTTP/1.1\r\n${UPGRADE.replace('tcp', 'websocket')}Origin: http://evil.example\r\nSec-WebSocket-Key: x\r\n\r\n`,
  );
  assert.match(ws, /^HTTP\/1\.1 403 /);
  assert.equal(calls, 0);
  assert.equal((await probe.call('GET', '/info', { headers: { 'Sec-Fetch-Site': 'none' } })).status, 200);
});

test('kinds of errors become statuses, and 304 has no body', async () => {
  const kinds = [
    ['notModified', 304],
    ['conflict', 409],
    ['forbidden', 403],
    ['unavailable', 503],
    ['internal', 500],
  ] as const;
  for (const [kind, status] of kinds) {
    const containers = fakeContainers({ start: () => Promise.reject(new EngineError(kind, 'because')) });
    await using probe = await start({ containers });
    const answer = await probe.call('POST', '/containers/web/start');
    assert.equal(answer.status, status);
    assert.equal(answer.text, status === 304 ? '' : '{"message":"because"}\n');
  }
});

test('a bug in a service is a 500, and the next request is served', async () => {
  const containers = fakeContainers({
    list: () => {
      throw new TypeError('undefined is not a container');
    },
  });
  await using probe = await start({ containers });
  assert.equal((await probe.call('GET', '/containers/json')).status, 500);
  assert.equal((await probe.call('GET', '/info')).status, 200);
});

test('POST /containers/{id}/wait: the head comes at once, the body at the end', async () => {
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number; error: string }>();
  await using probe = await start({ containers: fakeContainers({ wait: () => promise }) });
  const socket = probe.open(
    'POST /containers/web/wait?condition=removed HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  );
  assert.match(await readUntil(socket, '\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n/);
  resolve({ exitCode: 7, error: '' });
  assert.match(await text(socket), /\{"StatusCode":7\}/);
});

test('POST /containers/{id}/wait: what goes wrong later is told in the body', async () => {
  const wait = (): Promise<never> => Promise.reject(new EngineError('internal', 'lost it'));
  await using probe = await start({ containers: fakeContainers({ wait }) });
  const answer = await probe.call('POST', '/containers/web/wait');
  assert.deepEqual(answer.json(), { StatusCode: -1, Error: { Message: 'lost it' } });
});

for (const [version, isRaw, type] of [
  ['1.41', false, 'raw'],
  ['1.42', false, 'multiplexed'],
  ['1.50', true, 'raw'],
] as const) {
  test(`POST /containers/{id}/attach in ${version}: a ${isRaw ? 'terminal' : 'pipe'} is announced as a ${type} stream`, async () => {
    const attach = () => Promise.resolve(echoSession({ isRaw }));
    await using probe = await start({ containers: fakeContainers({ attach }) });
    const answer = await probe.converse(
      `POST /v${version}/containers/web/attach?stream=1&stdin=1 HTTP/1.1\r\n${UPGRADE}\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 101 UPGRADED\r\n/);
    assert.match(answer, new RegExp(`Content-Type: application/vnd\\.docker\\.${type}-stream\r\n`));
  });
}

test('POST /exec/{id}/start: a failure after the head is a line of output', async () => {
  const startExec = () =>
    Promise.resolve({
      isRaw: false,
      run: () => Promise.reject(new EngineError('invalid', 'no such command')),
    });
  await using probe = await start({ containers: fakeContainers({ startExec }) });
  const body = '{"Detach":false}';
  const answer = await probe.converse(
    `POST /exec/${EXEC_ID}/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  assert.ok(answer.endsWith('\r\n\r\n\x01\0\0\0\0\0\0\x11no such command\r\n'), answer);
});

test('POST /exec/{id}/start: a failure of a detached one is an error', async () => {
  const startExec = () =>
    Promise.resolve({
      isRaw: false,
      run: () => Promise.reject(new EngineError('invalid', 'no such command')),
    });
  await using probe = await start({ containers: fakeContainers({ startExec }) });
  const answer = await probe.call('POST', `/exec/${EXEC_ID}/start`, { body: { Detach: true } });
  assert.equal(answer.status, 400);
});

test('POST /exec/{id}/start: clients may leave the body out', async () => {
  await using probe = await start();
  const answer = await probe.converse(`POST /exec/${EXEC_ID}/start HTTP/1.1\r\n${UPGRADE}\r\n`);
  assert.match(answer, /\r\n\r\nhello\n$/);
});

test('GET /containers/{id}/attach/ws: messages in and out, without frames of our own', async () => {
  const attach = () => Promise.resolve(echoSession({ isRaw: false }));
  await using probe = await start({ containers: fakeContainers({ attach }) });
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const socket = probe.open(
    `GET /v1.50/containers/web/attach/ws?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  const head = await readUntil(socket, '\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.ok(head.includes(`Sec-WebSocket-Accept: ${acceptKey(key)}\r\n`));
  socket.write(Buffer.from([0x82, 0x83, 0, 0, 0, 0, 0x61, 0x62, 0x63])); // "abc", masked with zeros
  assert.equal(await readUntil(socket, 'abc'), '\x82\x03abc');
  socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])); // goodbye
  socket.end();
  // The server says goodbye back; what the session still writes after that is not for the client.
  assert.equal((await text(socket)).slice(1, 3), '\x02\x03');
});

test('acceptKey() is the one of RFC 6455', () => {
  assert.equal(acceptKey('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('GET /containers/{id}/attach/ws: a plain request is told so', async () => {
  await using probe = await start();
  const answer = await probe.call('GET', '/containers/web/attach/ws');
  assert.equal(answer.status, 400);
  assert.deepEqual(answer.json(), { message: 'not websocket protocol' });
});

test('POST /images/load: progress as JSON lines; a failure is a status before the first line, a line after it', async () => {
  const broken = new EngineError('invalid', 'broken archive');
  await using fine = await start();
  assert.equal(
    (await fine.call('POST', '/images/load', { body: 'tar' })).text,
    '{"stream":"Loaded image: busybox:latest\\n"}\n',
  );

  await using early = await start({ images: fakeImages({ load: () => Promise.reject(broken) }) });
  const refused = await early.call('POST', '/images/load', { body: 'tar' });
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.json(), { message: 'broken archive' });

  const load: ApiServerDeps['images']['load'] = (_archive, progress) => {
    progress('Loaded image: one:1');
    return Promise.reject(broken);
  };
  await using late = await start({ images: fakeImages({ load }) });
  const answer = await late.call('POST', '/images/load', { body: 'tar' });
  assert.equal(answer.status, 200);
  assert.equal(
    answer.text,
    '{"stream":"Loaded image: one:1\\n"}\n{"errorDetail":{"message":"broken archive"},"error":"broken archive"}\n',
  );
});

test('POST /images/create: an import gets its name, message and changes', async () => {
  const seen: unknown[] = [];
  const images = fakeImages({
    import: (_tar, options) => {
      seen.push({ ...options, signal: undefined });
      return Promise.resolve('sha256:abc');
    },
  });
  await using probe = await start({ images });
  const query =
    'fromSrc=-&repo=localhost:5000/a&tag=2&message=m&changes=CMD+a&changes=ENV+b=c&platform=linux/arm64';
  const answer = await probe.call('POST', `/images/create?${query}`, { body: 'tar' });
  assert.deepEqual(answer.json(), { status: 'sha256:abc' });
  assert.deepEqual(seen, [
    {
      changes: ['CMD a', 'ENV b=c'],
      reference: 'localhost:5000/a:2',
      message: 'm',
      platform: 'linux/arm64',
      signal: undefined,
    },
  ]);
});

test('a client that leaves cancels what it asked for', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const images = fakeImages({
    load: async (_archive, _progress, options) => {
      const signal = options?.signal;
      reach();
      if (signal && !signal.aborted) await once(signal, 'abort');
      resolve(signal?.aborted);
      throw new EngineError('cancelled', 'the client left');
    },
  });
  await using probe = await start({ images });
  const socket = probe.open('POST /images/load HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc');
  await reached;
  socket.destroy();
  assert.equal(await promise, true);
  assert.equal((await probe.call('GET', '/_ping')).status, 200);
});

test('a network prune skips what is predefined, in use, or came into use meanwhile', async () => {
  const { networks } = fakeApiDeps();
  const [bridge] = networks.list();
  assert.ok(bridge);
  const named = (name: string) => ({ ...bridge, id: name as typeof bridge.id, name });
  const removed: string[] = [];
  const pruned = {
    ...networks,
    list: () => ['bridge', 'used', 'raced', 'idle'].map(named),
    endpointsOn: (id: string) => (id === 'used' ? networks.endpointsOn(id) : []),
    remove: (name: string) => {
      if (name === 'raced') return Promise.reject(new EngineError('forbidden', 'in use'));
      removed.push(name);
      return Promise.resolve();
    },
  };
  await using probe = await start({ networks: pruned });
  const answer = await probe.call('POST', '/networks/prune');
  assert.deepEqual(answer.json(), { NetworksDeleted: ['idle'] });
  assert.deepEqual(removed, ['idle']);
});

test('DELETE /volumes/{name}: force forgives a volume that is not there, and nothing else', async () => {
  const { volumes } = fakeApiDeps();
  const remove = (name: string): Promise<void> =>
    Promise.reject(new EngineError(name === 'none' ? 'notFound' : 'conflict', 'no'));
  await using probe = await start({ volumes: { ...volumes, remove } });
  assert.equal((await probe.call('DELETE', '/volumes/none')).status, 404);
  assert.equal((await probe.call('DELETE', '/volumes/none?force=1')).status, 204);
  assert.equal((await probe.call('DELETE', '/volumes/used?force=1')).status, 409);
});

test('GET /containers/json: an image whose name moved on is shown by its ID', async () => {
  const images = fakeImages({ find: () => undefined });
  await using probe = await start({ images });
  const [summary] = (await probe.call('GET', '/containers/json')).json() as {
    Image: string;
    ImageID: string;
  }[];
  assert.equal(summary?.Image, summary?.ImageID);
});

test('GET /containers/json: old parameters become filters', async () => {
  const seen: unknown[] = [];
  const list: ApiServerDeps['containers']['list'] = filters => {
    seen.push(filters);
    return [];
  };
  await using probe = await start({ containers: fakeContainers({ list }) });
  await probe.call('GET', '/containers/json?before=a&since=b&limit=3&all=true');
  await probe.call('GET', '/containers/json?limit=-1');
  assert.deepEqual(seen, [
    {
      all: true,
      limit: 3,
      filters: new Map([
        ['since', ['b']],
        ['before', ['a']],
      ]),
    },
    { all: false, filters: new Map() },
  ]);
});

test('POST /containers/create: name and platform reach the service', async () => {
  const seen: unknown[] = [];
  const create: ApiServerDeps['containers']['create'] = (name, request, options) => {
    seen.push([name, request.Image, options?.platform]);
    return Promise.resolve({ id: CONTAINER_ID, warnings: ['mind the gap'] });
  };
  await using probe = await start({ containers: fakeContainers({ create }) });
  const path = '/containers/create?name=/web-1&platform=linux/arm64';
  const answer = await probe.call('POST', `/v1.50${path}`, { body: { Image: 'x' } });
  assert.deepEqual(answer.json(), { Id: CONTAINER_ID, Warnings: ['mind the gap'] });
  await probe.call('POST', '/v1.40/containers/create?platform=linux/arm64', { body: { Image: 'y' } });
  assert.deepEqual(seen, [
    ['/web-1', 'x', 'linux/arm64'],
    [undefined, 'y', undefined],
  ]);
});
