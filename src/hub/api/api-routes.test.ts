import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { createHttpServer } from '#http/http-server';
import { reply } from '#http/reply';
import { type ProbeAnswer, ServerProbe } from '#http/server-probe';
import type { Hub } from '../open-hub.ts';
import { PASSWORD, TestHub } from '../test-hub.ts';

/** A client of the API: by nobody, by a name and a password, or by a token. */
class Client implements AsyncDisposable {
  readonly probe: ServerProbe;
  readonly #authorization: string | undefined;

  private constructor(probe: ServerProbe, authorization?: string) {
    this.probe = probe;
    this.#authorization = authorization;
  }

  static async of(hub: Hub): Promise<Client> {
    const edge = {
      headers: {},
      admit: (_request: unknown, path: string) => ({ path, version: 0 }),
      fail: (error: unknown) => reply.json({ edge: String(error) }, 500),
    };
    return new Client(
      await ServerProbe.start(createHttpServer({ routes: hub.routes, edge, logger: silentLogger })),
    );
  }

  as(name: string, secret = PASSWORD): Client {
    return new Client(this.probe, `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`);
  }

  bearing(token: string, scheme = 'Bearer'): Client {
    return new Client(this.probe, `${scheme} ${token}`);
  }

  async call(method: string, path: string, body?: unknown): Promise<ProbeAnswer> {
    const headers: Record<string, string> = {};
    if (this.#authorization !== undefined) headers['authorization'] = this.#authorization;
    return await this.probe.call(method, path, { headers, body });
  }

  /** The body of an answer with this status. */
  async ok(method: string, path: string, body?: unknown, status = 200): Promise<Record<string, unknown>> {
    const answer = await this.call(method, path, body);
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    return (answer.text === '' ? {} : answer.json()) as Record<string, unknown>;
  }

  async status(method: string, path: string, body?: unknown): Promise<number> {
    return (await this.call(method, path, body)).status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.probe[Symbol.asyncDispose]();
  }
}

describe('the API', () => {
  test('holds no more in memory than anybody has to say, also of strangers', async () => {
    await using hub = new TestHub();
    await using nobody = await Client.of(hub.hub);
    const username = 'x'.repeat(300_000);
    assert.equal(await nobody.status('POST', '/v2/users/login', { username, password: '' }), 413);
    assert.equal(await nobody.status('POST', '/api/accounts', { name: username, password: '' }), 413);
  });

  test('signs in as Docker Hub does, and its token is none for the registry', async () => {
    await using hub = new TestHub();
    const { admin } = await hub.people('alice');
    await using nobody = await Client.of(hub.hub);
    const { token } = await nobody.ok('POST', '/v2/users/login/', { username: 'alice', password: PASSWORD });
    const { access_token: other } = await nobody.ok('POST', '/v2/auth/token', {
      identifier: 'alice',
      secret: PASSWORD,
    });
    for (const client of [
      nobody.bearing(String(token), 'JWT'),
      nobody.bearing(String(other)),
      nobody.as('alice'),
    ]) {
      const me = await client.ok('GET', '/v2/user/');
      assert.deepEqual([me['username'], me['type'], me['is_admin']], ['alice', 'User', false]);
    }
    await assert.rejects(hub.hub.access.admit(`Bearer ${String(token)}`, undefined), {
      code: 'UNAUTHORIZED',
    });
    const registry = await nobody.as('alice').ok('GET', '/token?scope=repository:alice/x:pull');
    assert.equal(await nobody.bearing(String(registry['token'])).status('GET', '/v2/user'), 401);
    assert.equal(await nobody.status('GET', '/v2/user'), 401);
    const wrong = await nobody.call('POST', '/v2/users/login', {
      username: 'alice',
      password: 'wrong password',
    });
    assert.deepEqual(
      [wrong.status, wrong.json()],
      [401, { message: 'incorrect username or password', detail: 'incorrect username or password' }],
    );
    await hub.services.accounts.changePassword(admin, 'alice', { password: PASSWORD });
    assert.equal(
      await nobody.bearing(String(token)).status('GET', '/v2/user'),
      401,
      'it ended with the password',
    );
    hub.now += 3_601_000;
    assert.equal(await nobody.bearing(String(other)).status('GET', '/v2/user'), 401);
  });

  test('says what is wrong with a request', async () => {
    await using hub = new TestHub();
    await hub.people('alice');
    await using nobody = await Client.of(hub.hub);
    const alice = nobody.as('alice');
    for (const [method, path, body, message] of [
      ['POST', '/v2/repositories', '{', /malformed Content-Type|unsupported Content-Type/],
      ['POST', '/v2/repositories', [], /name/],
      ['POST', '/v2/repositories', { name: 'A' }, /lower-case letters/],
      ['GET', '/v1/search?q=x&n=many', undefined, /n must be a whole number/],
      [
        'POST',
        '/v2/access-tokens',
        { token_label: 'x', scopes: ['repo:all'] },
        /scopes\.0: must be repo:admin/,
      ],
      [
        'POST',
        '/v2/access-tokens',
        { token_label: 'x', scopes: ['repo:read'], expires_at: 'soon' },
        /expires_at/,
      ],
    ] as const) {
      const answer = await alice.call(method, path, body);
      assert.equal(answer.status, 400, answer.text);
      assert.match((answer.json() as { message: string }).message, message);
    }
    assert.equal((await nobody.bearing('x.y.z').call('GET', '/v2/user')).status, 401);
    for (let guess = 0; guess < 5; guess += 1)
      await nobody.as('alice', `guess number ${guess}`).call('GET', '/v2/user');
    assert.equal(await nobody.as('alice', 'another guess').status('GET', '/v2/user'), 429);
  });

  test('answers what docker search asks', async () => {
    await using hub = new TestHub();
    const { admin, alice } = await hub.people('alice', 'bob');
    const { repositories } = hub.services;
    repositories.create(admin, { name: 'library/nginx', description: 'A web server' });
    repositories.create(alice, { name: 'alice/nginx', description: 'Mine', isPrivate: true });
    repositories.star(alice, 'library/nginx', { isStarred: true });
    await using nobody = await Client.of(hub.hub);
    assert.equal((await nobody.call('GET', '/v1/_ping')).headers['x-docker-registry-standalone'], 'true');
    const found = await nobody.ok('GET', '/v1/search?q=nginx&n=25');
    assert.deepEqual(
      [found['num_results'], found['num_pages'], found['page'], found['page_size'], found['query']],
      [1, 1, 1, 25, 'nginx'],
    );
    assert.deepEqual(found['results'], [
      {
        name: 'library/nginx',
        description: 'A web server',
        star_count: 1,
        pull_count: 0,
        is_official: true,
        is_automated: false,
        is_trusted: false,
      },
    ]);
    assert.equal((await nobody.as('bob').ok('GET', '/v1/search?q=nginx'))['num_results'], 1);
    assert.equal((await nobody.as('alice').ok('GET', '/v1/search?q=nginx'))['num_results'], 2);
    // Engines search with the token they have for the registry, and remember for both what they are asked for here.
    const tokenOf = async (client: Client): Promise<Client> =>
      nobody.bearing(String((await client.ok('GET', '/token?service=x'))['token']));
    const [engine, stranger] = [await tokenOf(nobody.as('alice')), await tokenOf(nobody)];
    assert.equal((await engine.ok('GET', '/v1/search?q=nginx'))['num_results'], 2);
    assert.equal((await stranger.ok('GET', '/v1/search?q=nginx'))['num_results'], 1);
    assert.equal(await engine.status('PATCH', '/api/repositories/alice/nginx', { description: 'x' }), 401);
    const unknown = await nobody.bearing('made.up.token').call('GET', '/v1/search?q=nginx');
    assert.equal(unknown.status, 401);
    assert.match(
      unknown.headers['www-authenticate'] ?? '',
      /^Bearer realm="https?:[^"]+\/token",service="[^"]+"$/,
    );
    const site = await nobody.ok('GET', '/v2/search/repositories/?query=ngi&page_size=1');
    assert.equal(site['count'], 1);
    for (const hostile of ["'", '"', '%27%20OR%201=1', '*', '%00', '%22%20OR%20%22', '(', 'x'.repeat(3000)]) {
      assert.equal((await nobody.ok('GET', `/v1/search?q=${hostile}`))['num_results'], 0, hostile);
    }
  });

  test('keeps repositories under the paths of Docker Hub, hidden ones from strangers', async () => {
    await using hub = new TestHub();
    await hub.people('alice', 'mallory');
    await using nobody = await Client.of(hub.hub);
    const [alice, mallory] = [nobody.as('alice'), nobody.as('mallory')];
    const input = { name: 'app', description: 'An app', full_description: '# App', is_private: true };
    const made = await alice.ok('POST', '/v2/namespaces/alice/repositories', input, 201);
    assert.deepEqual(
      [made['name'], made['namespace'], made['full_description'], made['is_private'], made['can_edit']],
      ['app', 'alice', '# App', true, true],
    );
    await alice.ok('POST', '/v2/repositories/', { name: 'tool', namespace: 'alice' }, 201);
    assert.equal(await mallory.status('POST', '/v2/repositories/', { name: 'x', namespace: 'alice' }), 403);
    hub.catalog.push('alice/app', '1.0', 'alice');
    hub.catalog.push('alice/app', 'latest', 'alice');
    for (const path of ['/v2/repositories/alice/app', '/v2/namespaces/alice/repositories/app/']) {
      assert.equal((await alice.ok('GET', path))['star_count'], 0);
      const hidden = await Promise.all(
        [nobody, mallory].map(async client => (await client.call('GET', path)).text),
      );
      const missing = await mallory.call('GET', path.replace('app', 'none'));
      assert.equal(missing.status, 404);
      for (const text of hidden) assert.equal(text.replaceAll('app', 'none'), missing.text);
    }
    const tags = await alice.ok('GET', '/v2/repositories/alice/app/tags/?page_size=1&page=2');
    assert.equal(tags['count'], 2);
    assert.deepEqual(
      [tags['previous'], tags['next']],
      ['http://hub.test:5000/v2/repositories/alice/app/tags/?page_size=1&page=1', null],
    );
    const tag = await alice.ok('GET', '/v2/namespaces/alice/repositories/app/tags/1.0');
    assert.deepEqual([tag['name'], tag['last_updater_username'], tag['full_size']], ['1.0', 'alice', 1000]);
    assert.equal(await mallory.status('GET', '/v2/repositories/alice/app/tags'), 404);
    assert.equal((await mallory.ok('GET', '/v2/repositories/alice/'))['count'], 1);
    const all = await alice.ok('GET', '/v2/namespaces/alice/repositories?ordering=name&page_size=1');
    assert.deepEqual(
      [all['count'], all['next']],
      [2, 'http://hub.test:5000/v2/namespaces/alice/repositories?ordering=name&page_size=1&page=2'],
    );
    await alice.ok('PATCH', '/v2/repositories/alice/app/', { description: 'Changed' });
    await alice.ok('POST', '/v2/repositories/alice/app/privacy', { is_private: false });
    assert.equal((await nobody.ok('GET', '/v2/repositories/alice/app'))['description'], 'Changed');
    assert.equal(await mallory.status('PATCH', '/v2/repositories/alice/app', { description: 'x' }), 403);
    assert.equal(await mallory.status('DELETE', '/v2/repositories/alice/app'), 403);
    await alice.ok('DELETE', '/v2/namespaces/alice/repositories/app/tags/1.0', undefined, 204);
    await alice.ok('DELETE', '/v2/repositories/alice/app/', undefined, 202);
    assert.equal(hub.catalog.find('alice/app'), undefined);
  });

  test('keeps organizations, their members and groups', async () => {
    await using hub = new TestHub();
    await hub.people('alice', 'bob', 'mallory');
    await using nobody = await Client.of(hub.hub);
    const [alice, bob, mallory] = [nobody.as('alice'), nobody.as('bob'), nobody.as('mallory')];
    assert.equal(
      (await alice.ok('POST', '/v2/orgs/', { orgname: 'acme', full_name: 'Acme' }, 201))['orgname'],
      'acme',
    );
    await alice.ok('PUT', '/v2/orgs/acme/members/bob', { role: 'Member' });
    await alice.ok('POST', '/v2/orgs/acme/groups', { name: 'dev' }, 201);
    await alice.ok('POST', '/v2/orgs/acme/groups/dev/members', { member: 'bob' });
    const members = await bob.ok('GET', '/v2/orgs/acme/members');
    assert.deepEqual(
      (members['results'] as Record<string, unknown>[]).map(({ username, role, groups }) => [
        username,
        role,
        groups,
      ]),
      [
        ['alice', 'Owner', []],
        ['bob', 'Member', ['dev']],
      ],
    );
    assert.equal((await bob.ok('GET', '/v2/orgs/acme/groups/dev/'))['member_count'], 1);
    assert.equal((await bob.ok('GET', '/v2/user/orgs'))['count'], 1);
    assert.equal((await nobody.ok('GET', '/v2/users/acme'))['type'], 'Organization');
    assert.equal((await nobody.ok('GET', '/v2/users/bob/'))['username'], 'bob');
    for (const client of [mallory, nobody]) {
      const status = client === nobody ? 401 : 403;
      assert.equal(await client.status('GET', '/v2/orgs/acme/members'), status);
      assert.equal(await client.status('PUT', '/v2/orgs/acme/members/mallory', { role: 'owner' }), status);
      assert.equal(await client.status('DELETE', '/v2/orgs/acme'), status);
    }
    assert.equal(await bob.status('PUT', '/v2/orgs/acme/members/bob', { role: 'owner' }), 403);
    await alice.ok('DELETE', '/v2/orgs/acme/groups/dev/members/bob', undefined, 204);
    await alice.ok('DELETE', '/v2/orgs/acme/groups/dev', undefined, 204);
    await alice.ok('DELETE', '/v2/orgs/acme/members/bob', undefined, 204);
    await alice.ok('DELETE', '/v2/orgs/acme', undefined, 204);
    assert.equal(await nobody.status('GET', '/v2/orgs/acme'), 404);
  });

  test('keeps access tokens, which reach as far as they say and make no others', async () => {
    await using hub = new TestHub();
    await hub.people('alice');
    await using nobody = await Client.of(hub.hub);
    const alice = nobody.as('alice');
    const expires = new Date(hub.now + 86_400_000).toISOString();
    const input = { token_label: 'ci', scopes: ['repo:read', 'repo:write'], expires_at: expires };
    const made = await alice.ok('POST', '/v2/access-tokens', input, 201);
    assert.deepEqual(
      [made['token_label'], made['scopes'], made['expires_at']],
      ['ci', ['repo:write'], expires],
    );
    const secret = String(made['token']);
    const path = `/v2/access-tokens/${String(made['uuid'])}`;
    assert.equal((await alice.ok('GET', path))['token'], '', 'it is shown once');
    assert.equal((await alice.ok('PATCH', path, { token_label: 'cd' }))['token_label'], 'cd');
    assert.equal((await alice.ok('GET', '/v2/access-tokens/'))['active_count'], 1);

    const { access_token: bearer } = await nobody.ok('POST', '/v2/auth/token', {
      identifier: 'alice',
      secret,
    });
    for (const client of [nobody.as('alice', secret), nobody.bearing(String(bearer))]) {
      assert.equal((await client.ok('GET', '/v2/user'))['username'], 'alice');
      await client.ok('GET', '/v2/repositories/alice');
      for (const [method, target, body] of [
        ['GET', '/v2/access-tokens', undefined],
        ['POST', '/v2/access-tokens', { token_label: 'x', scopes: ['repo:admin'] }],
        ['DELETE', path, undefined],
        ['PUT', '/api/accounts/alice/password', { current: PASSWORD, password: 'another password' }],
        ['PATCH', '/api/accounts/alice', { full_name: 'x' }],
        ['DELETE', '/v2/repositories/alice/app', undefined],
        ['PATCH', '/api/repositories/alice/app', { is_private: false }],
        ['GET', '/api/repositories/alice/app/webhooks', undefined],
        ['POST', '/v2/orgs', { orgname: 'acme' }],
      ] as const) {
        assert.equal(await client.status(method, target, body), 403, `${method} ${target}`);
      }
    }
    await nobody.as('alice', secret).ok('POST', '/v2/repositories', { name: 'app' }, 201);
    await alice.ok('DELETE', path, undefined, 204);
    assert.equal(await nobody.bearing(String(bearer)).status('GET', '/v2/user'), 401);
  });

  test('has accounts, stars, collaborators, webhooks and activity under /api', async () => {
    await using hub = new TestHub();
    await using nobody = await Client.of(hub.hub);
    const first = { name: 'admin-one', password: PASSWORD, setup_code: hub.setupCode };
    assert.equal(await nobody.status('POST', '/api/accounts', { ...first, setup_code: 'x' }), 403);
    assert.equal((await nobody.ok('POST', '/api/accounts', first, 201))['is_admin'], true);
    const admin = nobody.as('admin-one');
    for (const name of ['alice', 'bob'])
      await admin.ok('POST', '/api/accounts', { name, password: PASSWORD }, 201);
    assert.equal(await nobody.status('POST', '/api/accounts', { name: 'carol', password: PASSWORD }), 401);
    const [alice, bob] = [nobody.as('alice'), nobody.as('bob')];
    assert.equal((await admin.ok('GET', '/api/accounts'))['count'], 3);
    assert.equal(await alice.status('GET', '/api/accounts'), 403);
    await alice.ok('PATCH', '/api/namespaces/alice', { is_private_by_default: true }, 204);
    assert.equal((await alice.ok('POST', '/v2/repositories', { name: 'app' }, 201))['is_private'], true);
    assert.equal(await bob.status('PUT', '/api/repositories/alice/app/star'), 404);
    assert.equal(
      await bob.status('PUT', '/api/repositories/alice/app/collaborators/bob', { permission: 'admin' }),
      404,
    );
    await alice.ok('PUT', '/api/repositories/alice/app/collaborators/bob', { permission: 'write' }, 204);
    assert.deepEqual(await alice.ok('GET', '/api/repositories/alice/app/collaborators'), [
      { who: 'bob', permission: 'write' },
    ]);
    assert.deepEqual(await bob.ok('PUT', '/api/repositories/alice/app/star'), { star_count: 1 });
    assert.deepEqual(await bob.ok('DELETE', '/api/repositories/alice/app/star'), { star_count: 0 });
    await alice.ok('DELETE', '/api/repositories/alice/app/collaborators/bob', undefined, 204);
    await alice.ok('PATCH', '/api/repositories/alice/app', { category: 'Security', is_private: false });
    const hook = { name: 'ci', url: 'https://ci.example.com/hook' };
    const made = await alice.ok('POST', '/api/repositories/alice/app/webhooks', hook, 201);
    assert.match(String(made['secret']), /^qhw_/);
    assert.ok(
      !JSON.stringify(await alice.ok('GET', '/api/repositories/alice/app/webhooks')).includes('qhw_'),
    );
    assert.equal(await bob.status('GET', '/api/repositories/alice/app/webhooks'), 403);
    await alice.ok('DELETE', `/api/repositories/alice/app/webhooks/${String(made['id'])}`, undefined, 204);
    const [newest] = (await alice.ok('GET', '/api/activity?limit=1')) as unknown as readonly object[];
    assert.deepEqual(
      { ...newest, at: '' },
      { at: '', account: 'alice', type: 'create', repository: 'alice/app', tag: null },
    );
    assert.deepEqual(await alice.ok('GET', '/api/namespaces'), ['alice']);
    const password = 'another password';
    await alice.ok('PUT', '/api/accounts/alice/password', { current: PASSWORD, password }, 204);
    assert.equal(await alice.status('GET', '/v2/user'), 401);
    await admin.ok('PATCH', '/api/accounts/alice', { is_disabled: true });
    assert.equal(await nobody.as('alice', password).status('GET', '/v2/user'), 401);
  });

  test('is closed to callers without an account where the hub is, but for signing in', async () => {
    await using hub = new TestHub({ anonymous: 'none' });
    await hub.people('alice');
    await using nobody = await Client.of(hub.hub);
    for (const path of [
      '/v1/search?q=a',
      '/v2/users/alice',
      '/v2/repositories/alice',
      '/v2/search/repositories',
    ]) {
      assert.equal(await nobody.status('GET', path), 401, path);
    }
    assert.equal(await nobody.status('GET', '/v1/_ping'), 200);
    assert.equal(
      await nobody.status('POST', '/v2/users/login', { username: 'alice', password: PASSWORD }),
      200,
    );
  });

  test('takes no cookies for anybody', async () => {
    await using hub = new TestHub();
    const { alice } = await hub.people('alice');
    const cookie = hub.services.sessions.begin(alice);
    await using nobody = await Client.of(hub.hub);
    const answer = await nobody.probe.call('GET', '/v2/user', {
      headers: { cookie: `session=${cookie}; quai=${cookie}` },
    });
    assert.equal(answer.status, 401);
  });
});
