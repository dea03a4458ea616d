import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { createHttpServer, type HttpServer } from '#http/http-server';
import { type Hub, openHub } from '#hub/open-hub';
import { SetupCode } from '#hub/setup-code';
import type { AccessControl } from '#registry/access-control';
import { openRegistry, type Registry } from '#registry/open-registry';
import { ContentStore } from '#store/content-store';
import { Database } from '#store/database';

const PASSWORD = 'correct horse battery';
const folder = mkdtempSync(join(tmpdir(), 'quai-hub-rights-'));
const db = new Database(join(folder, 'hub.sqlite'));
let registry: Registry;
let hub: Hub;
let server: HttpServer;
let base = '';

const basic = (name: string, secret = PASSWORD): string =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;

/** The registry and the hub on one port of this machine, under the name that a proxy would give them. */
before(async () => {
  const access: AccessControl = {
    admit: (...request) => hub.access.admit(...request),
    maySee: (...question) => hub.access.maySee(...question),
  };
  const content = new ContentStore({ root: folder });
  registry = openRegistry({ root: folder, db, content, access, logger: silentLogger });
  hub = openHub({
    db,
    catalog: registry.catalog,
    root: folder,
    logger: silentLogger,
    options: { publicUrl: 'http://hub.test', hasPrivateWebhooks: true, hashCost: { logN: 4, r: 1, p: 1 } },
  });
  server = createHttpServer({
    routes: [...registry.routes, ...hub.routes],
    edge: registry.edge,
    logger: silentLogger,
  });
  server.server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo; // it listens on a port
  base = `http://127.0.0.1:${port}`;
  const { accounts } = hub.services;
  const setupCode = new SetupCode(folder).ensure();
  const admin = await accounts.create(undefined, { name: 'boss', password: PASSWORD, setupCode });
  for (const name of ['alice', 'bob']) await accounts.create(admin, { name, password: PASSWORD });
});

after(async () => {
  await server.close();
  await hub[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  db[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** As a client of registries does it: asks, is told where tokens are, gets one, asks again. */
async function ask(method: string, path: string, who?: string, body?: { type: string; bytes: Buffer }) {
  const send = (authorization?: string): Promise<Response> =>
    fetch(base + path, {
      method,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(body && { 'content-type': body.type }),
      },
      ...(body && { body: new Uint8Array(body.bytes) }),
    });
  const first = await send();
  if (first.status !== 401) return first;
  await first.arrayBuffer();
  const challenge = first.headers.get('www-authenticate') ?? '';
  const part = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
  const query = new URLSearchParams({ service: part('service'), scope: part('scope') });
  assert.equal(part('realm'), 'http://hub.test/token', 'where clients would go');
  const token = await fetch(`${base}/token?${query}`, { headers: who ? { authorization: basic(who) } : {} });
  if (token.status !== 200) return token;
  return await send(`Bearer ${((await token.json()) as { token: string }).token}`);
}

/** An image of one blob. */
async function push(name: string, who?: string, content = name): Promise<Response> {
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, content }),
  );
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  const [repository = '', tag = ''] = name.split(':');
  const blob = await ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, who, {
    type: 'application/octet-stream',
    bytes: config,
  });
  if (blob.status !== 201) return blob;
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: config.length },
    layers: [],
  };
  return await ask('PUT', `/v2/${repository}/manifests/${tag}`, who, {
    type: manifest.mediaType,
    bytes: Buffer.from(JSON.stringify(manifest)),
  });
}

async function refusal(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { errors: readonly { code: string; message: string }[] };
  return `${answer.status} ${errors[0]?.code} ${errors[0]?.message}`;
}

test('an account pushes several images of a project to its namespace, and everybody finds and pulls them', async () => {
  for (const name of ['alice/api:1', 'alice/backoffice:1'])
    assert.equal((await push(name, 'alice')).status, 201);
  for (const name of ['alice/api', 'alice/backoffice']) {
    assert.equal((await ask('GET', `/v2/${name}/manifests/1`)).status, 200);
    assert.equal((await ask('GET', `/v2/${name}/manifests/1`, 'bob')).status, 200);
  }
  const search = (await (await fetch(`${base}/v1/search?q=alice`)).json()) as { results: { name: string }[] };
  assert.deepEqual(search.results.map(({ name }) => name).toSorted(), ['alice/api', 'alice/backoffice']);
  const one = (await (await fetch(`${base}/v2/repositories/alice/api/`)).json()) as Record<string, unknown>;
  assert.deepEqual([one['pull_count'], one['is_private']], [2, false]);
  const tag = (await (await fetch(`${base}/v2/namespaces/alice/repositories/api/tags/1`)).json()) as Record<
    string,
    unknown
  >;
  assert.equal(tag['last_updater_username'], 'alice');
});

test('a push to a foreign namespace says whose it is; without an account it says to sign in', async () => {
  assert.equal(
    await refusal(await push('alice/mine:1', 'bob')),
    '403 DENIED bob may not write to alice/mine: the namespace alice belongs to the account alice; push to bob/mine, or ask alice to add you as a collaborator',
  );
  assert.match(
    await refusal(await push('library/nginx:1', 'bob')),
    /^403 DENIED .* the administrators keep the official images/,
  );
  assert.match(
    await refusal(await push('nobody/x:1', 'bob')),
    /^403 DENIED .* no account or organization is called nobody/,
  );
  assert.match(
    await refusal(await push('single:1', 'bob')),
    /^403 DENIED the name single has no namespace: bob\/single would be yours/,
  );
  assert.match(await refusal(await push('alice/mine:1')), /^401 UNAUTHORIZED/);
  assert.equal((await push('library/nginx:1', 'boss')).status, 201);
});

test('a private repository is like one that is not there: at every path, for strangers and for nobody', async () => {
  const { repositories, accounts } = hub.services;
  repositories.create(accounts.find('alice'), { name: 'alice/hidden', isPrivate: true });
  assert.equal((await push('alice/hidden:1', 'alice')).status, 201);
  const digest = registry.catalog.tags('alice/hidden')[0]?.digest ?? '';
  const paths = [
    `manifests/1`,
    `manifests/${digest}`,
    `blobs/${digest}`,
    'tags/list',
    `referrers/${digest}`,
    'blobs/uploads/',
  ];
  for (const path of paths) {
    for (const method of ['GET', 'HEAD', 'DELETE', 'POST', 'PUT']) {
      for (const who of [undefined, 'bob']) {
        const answers = await Promise.all(
          ['alice/hidden', 'alice/absent'].map(async name => {
            const answer = await ask(method, `/v2/${name}/${path}`, who);
            const challenge = answer.headers.get('www-authenticate') ?? '';
            const text = `${answer.status} ${challenge} ${await answer.text()}`;
            return text.replaceAll(/hidden|absent/g, 'NAME');
          }),
        );
        assert.equal(answers[0], answers[1], `${method} ${path} ${who}`);
        assert.doesNotMatch(answers[0] ?? '', /^2/, `${method} ${path} ${who}`);
      }
    }
  }
  const catalog = async (who: string): Promise<string> =>
    await (await ask('GET', '/v2/_catalog', who)).text();
  assert.doesNotMatch(await catalog('bob'), /hidden/);
  assert.match(await catalog('alice'), /hidden/);
});

test('a blob of a hidden repository is not mounted by whoever knows its digest', async () => {
  const manifest = (await (await ask('GET', '/v2/alice/hidden/manifests/1', 'alice')).json()) as {
    config: { digest: string };
  };
  const { digest } = manifest.config;
  const mount = await ask('POST', `/v2/bob/loot/blobs/uploads/?mount=${digest}&from=alice/hidden`, 'bob');
  assert.equal(mount.status, 202, 'an upload begins instead');
  assert.equal((await ask('GET', `/v2/bob/loot/blobs/${digest}`, 'bob')).status, 404);
});

test("reserved names are the API's, and cannot be pushed to", async () => {
  for (const name of [
    'repositories/x',
    'namespaces/a/repositories/b',
    'users/x',
    'orgs/x',
    'search/repositories',
  ]) {
    const answer = await push(`${name}:1`, 'boss');
    assert.ok([401, 403].includes(answer.status), `${name}: ${answer.status}`);
  }
});

test('docker login gets a refresh token, which is as good as the password until that changes', async () => {
  const query = 'service=x&account=bob&offline_token=true&client_id=docker';
  const answer = await fetch(`${base}/token?${query}`, { headers: { authorization: basic('bob') } });
  const { refresh_token: kept } = (await answer.json()) as { refresh_token: string };
  const again = async (): Promise<Response> =>
    await fetch(`${base}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: kept,
        scope: 'repository:bob/x:pull,push',
        service: 'x',
        client_id: 'docker',
      }),
    });
  const first = await again();
  const { access_token: token } = (await first.json()) as { access_token: string };
  const begin = async (): Promise<number> =>
    (
      await fetch(`${base}/v2/bob/x/blobs/uploads/`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      })
    ).status;
  assert.equal(await begin(), 202);
  const { accounts } = hub.services;
  await accounts.changePassword(accounts.find('boss'), 'bob', { password: 'another password' });
  assert.equal((await again()).status, 401);
  assert.equal(await begin(), 401);
  await accounts.changePassword(accounts.find('boss'), 'bob', { password: PASSWORD });
});

test('a webhook is told of a push, signed', async () => {
  const arrived = Promise.withResolvers<{ body: string; headers: Record<string, unknown> }>();
  const receiver = createServer((request, response) => {
    void text(request).then(body => {
      response.end();
      arrived.resolve({ body, headers: request.headers });
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo; // it listens on a port
  const made = await fetch(`${base}/api/repositories/alice/api/webhooks`, {
    method: 'POST',
    headers: { authorization: basic('alice'), 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'ci', url: `http://127.0.0.1:${port}/hook` }),
  });
  const { secret } = (await made.json()) as { secret: string };
  assert.equal((await push('alice/api:2', 'alice')).status, 201);
  const { body, headers } = await arrived.promise;
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  assert.equal(headers['x-quai-signature-256'], `sha256=${signature}`);
  const told = JSON.parse(body) as {
    push_data: { tag: string; pusher: string };
    repository: { repo_name: string };
  };
  assert.deepEqual(
    [told.push_data.tag, told.push_data.pusher, told.repository.repo_name],
    ['2', 'alice', 'alice/api'],
  );
  receiver.close();
});
