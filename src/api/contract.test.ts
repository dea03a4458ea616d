import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Ajv, type AnySchema } from 'ajv';
import { parse } from 'yaml';
import { ServerProbe } from '#http/server-probe';
import { createApiServer, servedRoutes } from './api-server.ts';
import { DOCKER_ROUTES, UNDESCRIBED_ROUTES } from './docker-routes.ts';
import { CONTAINER_ID, EXEC_ID, fakeApiDeps } from './fake-services.ts';

const DESCRIPTION = new URL('../../../shared/specs/docker-engine-api/v1.55.swagger.yaml', import.meta.url);
const skip = existsSync(DESCRIPTION) ? false : 'the API description is not beside the repository';

interface Operation {
  readonly responses: Readonly<Record<string, { readonly schema?: AnySchema }>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, unknown>>;
}

/** Requests that the fakes answer with success: `METHOD /pattern` → path, body. */
const REQUESTS: Readonly<Record<string, readonly [path: string, body?: unknown]>> = {
  'GET /containers/json': ['/containers/json?all=1&size=1'],
  'POST /containers/create': ['/containers/create?name=x', { Image: 'busybox', HostConfig: {} }],
  'GET /containers/{id}/json': ['/containers/web/json?size=1'],
  'GET /containers/{id}/top': ['/containers/web/top'],
  'GET /containers/{id}/logs': ['/containers/web/logs?stdout=1'],
  'GET /containers/{id}/changes': ['/containers/web/changes'],
  'GET /containers/{id}/export': ['/containers/web/export'],
  'HEAD /containers/{id}/archive': ['/containers/web/archive?path=/etc'],
  'GET /containers/{id}/archive': ['/containers/web/archive?path=/etc'],
  'PUT /containers/{id}/archive': ['/containers/web/archive?path=/etc', 'tar'],
  'GET /containers/{id}/stats': ['/containers/web/stats?stream=0'],
  'POST /containers/{id}/update': [
    '/containers/web/update',
    { Memory: 2 ** 26, PidsLimit: null, RestartPolicy: { Name: 'always' } },
  ],
  'POST /containers/{id}/resize': ['/containers/web/resize?h=24&w=80'],
  'POST /containers/{id}/start': ['/containers/web/start'],
  'POST /containers/{id}/stop': ['/containers/web/stop?t=1'],
  'POST /containers/{id}/restart': ['/containers/web/restart'],
  'POST /containers/{id}/kill': ['/containers/web/kill?signal=TERM'],
  'POST /containers/{id}/rename': ['/containers/web/rename?name=y'],
  'POST /containers/{id}/pause': ['/containers/web/pause'],
  'POST /containers/{id}/unpause': ['/containers/web/unpause'],
  'POST /containers/{id}/attach': ['/containers/web/attach?stream=1&stdout=1', ''],
  'POST /containers/{id}/wait': ['/containers/web/wait'],
  'DELETE /containers/{id}': ['/containers/web?force=1'],
  'POST /containers/prune': ['/containers/prune'],
  'GET /images/json': ['/images/json'],
  'POST /images/create': ['/images/create?fromSrc=-&repo=x', 'tar'],
  'GET /images/{name}/json': ['/images/busybox:latest/json'],
  'GET /images/{name}/attestations': ['/images/busybox/attestations?statement=1'],
  'GET /images/{name}/history': ['/images/busybox/history'],
  'POST /images/{name}/push': ['/images/busybox/push?tag=latest'],
  'POST /images/{name}/tag': ['/images/busybox/tag?repo=localhost:5000/a/b&tag=1'],
  'DELETE /images/{name}': ['/images/busybox'],
  'POST /images/prune': ['/images/prune'],
  'GET /info': ['/info'],
  'GET /version': ['/version'],
  'GET /_ping': ['/_ping'],
  'HEAD /_ping': ['/_ping'],
  'POST /build': ['/build?t=x&buildargs={"A":null}&labels=null&cachefrom=null&q=1', 'tar'],
  'POST /build/prune': ['/build/prune?all=1'],
  'GET /plugins': ['/plugins'],
  'GET /events': ['/events?until=1'],
  'GET /system/df': ['/system/df?verbose=1'],
  'GET /images/{name}/get': ['/images/busybox/get'],
  'GET /images/get': ['/images/get?names=busybox'],
  'POST /images/load': ['/images/load', 'tar'],
  'GET /images/search': ['/images/search?term=busybox'],
  'GET /distribution/{name}/json': ['/distribution/localhost:5000/team/busybox:latest/json'],
  'POST /auth': ['/auth', { username: 'ann', password: 'secret', serveraddress: 'localhost:5000' }],
  'POST /commit': ['/commit?container=web&repo=x&tag=1&changes=CMD+x', { Cmd: ['sh'] }],
  'POST /containers/{id}/exec': ['/containers/web/exec', { Cmd: ['true'] }],
  'POST /exec/{id}/start': [`/exec/${EXEC_ID}/start`, { Detach: true }],
  'POST /exec/{id}/resize': [`/exec/${EXEC_ID}/resize?h=1&w=1`],
  'GET /exec/{id}/json': [`/exec/${EXEC_ID}/json`],
  'GET /volumes': ['/volumes'],
  'POST /volumes/create': ['/volumes/create', { Name: 'data', Labels: { a: 'b' } }],
  'GET /volumes/{name}': ['/volumes/data'],
  'DELETE /volumes/{name}': ['/volumes/data'],
  'POST /volumes/prune': ['/volumes/prune'],
  'GET /networks': ['/networks'],
  'GET /networks/{id}': ['/networks/bridge'],
  'DELETE /networks/{id}': ['/networks/x'],
  'POST /networks/create': ['/networks/create', { Name: 'x' }],
  'POST /networks/{id}/connect': ['/networks/bridge/connect', { Container: CONTAINER_ID }],
  'POST /networks/{id}/disconnect': ['/networks/bridge/disconnect', { Container: CONTAINER_ID }],
  'POST /networks/prune': ['/networks/prune'],
};

/**
 * A WebSocket handshake is tested elsewhere: its answer is no HTTP body. There is no plugin to be found, and the description
 * does not have the end of a build.
 */
const UNTRIED = ['GET /containers/{id}/attach/ws', 'GET /plugins/{name}/json', 'POST /build/cancel'];

test('the list of routes is the one of the description', { skip }, () => {
  const { paths } = readDescription();
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter(method => method !== 'parameters')
      .map(method => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual([...DOCKER_ROUTES], described);
});

test('every route served is in the description, and every one of them is tried here', () => {
  const served = servedRoutes(fakeApiDeps()).map(({ method, pattern }) => `${method} ${pattern}`);
  const known = new Set([...DOCKER_ROUTES, ...UNDESCRIBED_ROUTES]);
  assert.deepEqual(
    served.filter(endpoint => !known.has(endpoint) && !isOurs(endpoint)),
    [],
  );
  assert.deepEqual(
    served.filter(endpoint => !UNTRIED.includes(endpoint) && !isOurs(endpoint)).toSorted(),
    Object.keys(REQUESTS).toSorted(),
  );
});

/** What Docker's API does not have is under a name that it will not take. */
function isOurs(endpoint: string): boolean {
  return endpoint.split(' ')[1]?.startsWith('/quai/') ?? false;
}

const BUILDS = ['POST /session', 'POST /grpc'];

test('every described route answers, and one that is not served says so by name', async () => {
  await using probe = await ServerProbe.start(createApiServer(fakeApiDeps()));
  for (const endpoint of [...DOCKER_ROUTES, ...UNDESCRIBED_ROUTES]) {
    if (endpoint in REQUESTS || UNTRIED.includes(endpoint)) continue;
    const [method = '', pattern = ''] = endpoint.split(' ');
    const answer = await probe.call(method, `/v1.55${pattern.replaceAll(/\{\w+\}/g, 'x')}`);
    assert.equal(answer.status, 501, endpoint);
    if (method === 'HEAD') continue;
    const { message } = answer.json() as { readonly message: string };
    assert.ok(`${message}.`.startsWith(`not implemented: ${endpoint}.`), message);
    assert.equal(message.endsWith('DOCKER_BUILDKIT=0'), BUILDS.includes(endpoint), message);
  }
});

for (const [endpoint, [path, body]] of Object.entries(REQUESTS)) {
  test(`${endpoint}: the answer has the described shape`, { skip }, async () => {
    const [method = '', pattern = ''] = endpoint.split(' ');
    const responses = readDescription().paths[pattern]?.[method.toLowerCase()]?.responses ?? {};
    await using probe = await ServerProbe.start(createApiServer(fakeApiDeps()));

    const answer = await probe.call(method, `/v1.55${path}`, { body });

    const described = responses[answer.status];
    assert.ok(described, `${answer.status} is not described: ${answer.text}`);
    assert.ok(answer.status < 300, answer.text);
    const isJson = answer.headers['content-type'] === 'application/json';
    if (described.schema && isJson)
      assertShape(described.schema, JSON.parse(answer.text.split('\n', 1)[0] ?? ''));
  });
}

let cached: Description | undefined;

function readDescription(): Description {
  // The file is the project's own input to its tests; what is missing in it fails them.
  cached ??= parse(readFileSync(DESCRIPTION, 'utf8'), { maxAliasCount: -1 }) as Description;
  return cached;
}

/**
 * What Docker sends against its own description: Go writes an empty list or map that was never made as `null`, and the
 * description does not say so. Clients live with it; a client of ours gets what Docker's would.
 */
const NULL_IN_DOCKER = [
  /\/HostConfig\/(Binds|VolumesFrom|CapAdd|CapDrop|ExtraHosts|GroupAdd|Links|SecurityOpt)$/,
  /\/HostConfig\/(DeviceCgroupRules|DeviceRequests|MemorySwappiness|OomKillDisable)$/,
  /\/Config\/(Volumes|Entrypoint)$/,
  /\/Networks\/bridge\/(Links|Aliases|DNSNames)$/,
  /^\/1\/Tags$/,
  /^\/(GenericResources|Plugins\/Authorization)$/,
  /^(\/Volumes\/0)?\/(Labels|Options)$/,
  /^\/(Warnings|CachesDeleted)$/,
  /\/IPAM\/Options$/,
];

function assertShape(schema: AnySchema, value: unknown): void {
  const ajv = new Ajv({ strict: false, allErrors: true, verbose: true, validateFormats: false });
  const { definitions } = readDescription();
  const validate = ajv.compile({ ...(nullable(schema) as object), definitions: nullable(definitions) });
  validate(value);
  const errors = (validate.errors ?? []).filter(
    ({ instancePath, keyword, data }) =>
      !(data === null && keyword === 'type' && NULL_IN_DOCKER.some(place => place.test(instancePath))),
  );
  assert.deepEqual(
    errors.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`),
    [],
    JSON.stringify(value, undefined, 1),
  );
}

/** JSON schema for Swagger 2's `x-nullable`. */
function nullable(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(nullable);
  if (typeof node !== 'object' || node === null) return node;
  const mapped = Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== 'example' && key !== 'description')
      .map(([key, value]) => [key, nullable(value)]),
  );
  if (mapped['x-nullable'] !== true) return mapped;
  return { anyOf: [mapped, { type: 'null' }] };
}
