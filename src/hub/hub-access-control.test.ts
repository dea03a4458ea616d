import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { decodeJwt, type JWTPayload, SignJWT } from 'jose';
import { silentLogger } from '#base/logger';
import { createHttpServer } from '#http/http-server';
import { reply } from '#http/reply';
import { ServerProbe } from '#http/server-probe';
import type { RepositoryAction, Want } from '#registry/access-control';
import { RegistryError } from '#registry/errors';
import type { Hub } from './open-hub.ts';
import { PASSWORD, TestHub } from './test-hub.ts';

const basic = (name: string, secret = PASSWORD): string =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
const want = (repository: string, ...actions: readonly RepositoryAction[]): Want => ({ repository, actions });

async function probeOf(hub: Hub): Promise<ServerProbe> {
  const edge = {
    headers: {},
    admit: (_request: unknown, path: string) => ({ path, version: 0 }),
    fail: (error: unknown) => reply.json({ message: String(error) }, 500),
  };
  return await ServerProbe.start(createHttpServer({ routes: hub.routes, edge, logger: silentLogger }));
}

interface Tokens {
  readonly token: string;
  readonly refresh_token?: string;
  readonly expires_in: number;
}

async function tokenFor(hub: Hub, scope: string, authorization?: string, more = ''): Promise<Tokens> {
  await using probe = await probeOf(hub);
  const headers = authorization === undefined ? {} : { authorization };
  const answer = await probe.call('GET', `/token?service=x&scope=${encodeURIComponent(scope)}${more}`, {
    headers,
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json() as Tokens;
}

async function refresh(hub: Hub, refreshToken: string): Promise<number> {
  await using probe = await probeOf(hub);
  const body = `grant_type=refresh_token&service=x&client_id=c&refresh_token=${refreshToken}`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return (await probe.call('POST', '/token', { body, headers })).status;
}

/** `in`, or the code of the refusal. */
async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'in';
  } catch (error) {
    assert.ok(error instanceof RegistryError, String(error));
    if (error.code !== 'UNAUTHORIZED') return error.code;
    const challenge = error.headers['WWW-Authenticate'] ?? '';
    assert.match(challenge, /^Bearer realm="http:\/\/hub\.test:5000\/token",service="hub\.test:5000"/);
    return /error="(\w+)"/.exec(challenge)?.[1] ?? 'UNAUTHORIZED';
  }
}

describe('the hub lets in', () => {
  test('nobody to /v2/ without credentials, so that clients learn where to sign in; anybody to what is public', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice', 'bob');
    const { access, services } = test.hub;
    services.repositories.create(alice, { name: 'alice/app' });
    services.repositories.create(alice, { name: 'alice/secret', isPrivate: true });
    assert.equal(await outcome(access.admit(undefined, undefined)), 'UNAUTHORIZED');
    assert.deepEqual(await access.admit(basic('alice'), undefined), { account: 'alice' });
    assert.deepEqual(await access.admit(undefined, want('alice/app', 'pull')), {});
    for (const name of ['alice/secret', 'alice/missing']) {
      await assert.rejects(access.admit(undefined, want(name, 'pull')), {
        code: 'UNAUTHORIZED',
        headers: {
          'WWW-Authenticate': `Bearer realm="http://hub.test:5000/token",service="hub.test:5000",scope="repository:${name}:pull"`,
        },
      });
    }
    assert.equal(await outcome(access.admit(undefined, want('alice/app', 'push'))), 'UNAUTHORIZED');
    for (const bad of [
      'Basic',
      'Basic !!!',
      'Basic YWxpY2U=',
      'Digest x',
      '',
      basic('alice', 'wrong password'),
    ]) {
      assert.equal(await outcome(access.admit(bad, undefined)), 'UNAUTHORIZED', bad);
    }
    assert.deepEqual(
      ['alice/app', 'alice/secret'].map(name => [
        access.maySee({}, name),
        access.maySee({ account: 'alice' }, name),
      ]),
      [
        [true, true],
        [false, true],
      ],
    );
  });

  test('accounts to what they have rights in, by password and by token alike', async () => {
    await using test = new TestHub();
    const { admin, alice, bob } = await test.people('alice', 'bob');
    const { access, services } = test.hub;
    const { repositories, organizations } = services;
    organizations.create(alice, { name: 'acme' });
    organizations.setMember(alice, 'acme', 'bob', 'member');
    repositories.create(alice, { name: 'acme/app', isPrivate: true });
    repositories.create(alice, { name: 'alice/open' });
    repositories.create(admin, { name: 'library/nginx' });
    const cases: readonly [string, Want, string][] = [
      ['alice', want('alice/new', 'pull', 'push'), 'in'],
      ['alice', want('acme/app', 'pull', 'push', 'delete'), 'in'],
      ['bob', want('acme/app', 'pull'), 'DENIED'],
      ['bob', want('acme/new', 'pull', 'push'), 'DENIED'],
      ['bob', want('alice/open', 'pull'), 'in'],
      ['bob', want('alice/open', 'pull', 'push'), 'DENIED'],
      ['bob', want('alice/open', 'delete'), 'DENIED'],
      ['bob', want('library/nginx', 'pull'), 'in'],
      ['bob', want('library/nginx', 'push'), 'DENIED'],
      ['bob', want('nginx', 'push'), 'DENIED'],
      ['bob', want('repositories/x', 'push'), 'DENIED'],
      ['root-admin', want('library/nginx', 'push'), 'in'],
      ['root-admin', want('acme/app', 'delete'), 'in'],
      ['root-admin', want('repositories/x', 'push'), 'DENIED'],
    ];
    for (const [name, wanted, expected] of cases) {
      const text = `${name} ${wanted.repository} ${wanted.actions.join()}`;
      assert.equal(await outcome(access.admit(basic(name), wanted)), expected, text);
      const { token } = await tokenFor(
        test.hub,
        `repository:${wanted.repository}:${wanted.actions.join()}`,
        basic(name),
      );
      assert.equal(await outcome(access.admit(`Bearer ${token}`, wanted)), expected, text);
    }
    repositories.setCollaborator(alice, 'acme/app', 'bob', 'write');
    assert.equal(await outcome(access.admit(basic('bob'), want('acme/app', 'pull', 'push'))), 'in');
    assert.equal(bob.name, 'bob');
  });

  test('says whose a namespace is to whoever pushes there, and nothing of what is in it', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice', 'bob');
    const { access, services } = test.hub;
    services.repositories.create(alice, { name: 'alice/secret', isPrivate: true });
    for (const name of ['secret', 'missing']) {
      await assert.rejects(access.admit(basic('bob'), want(`alice/${name}`, 'pull', 'push')), {
        code: 'DENIED',
        status: 403,
        message: `bob may not write to alice/${name}: the namespace alice belongs to the account alice; push to bob/${name}, or ask alice to add you as a collaborator`,
      });
      await assert.rejects(access.admit(basic('bob'), want(`alice/${name}`, 'pull')), {
        code: 'DENIED',
        message: `there is no repository alice/${name}, or bob may not see it`,
      });
    }
  });

  test('guesses at a bounded pace', async () => {
    await using test = new TestHub();
    await test.people('alice');
    const codes = [];
    for (let guess = 0; guess < 7; guess += 1) {
      const from = { address: '192.0.2.9' };
      codes.push(
        await outcome(test.hub.access.admit(basic('alice', `guess number ${guess}`), undefined, from)),
      );
    }
    assert.deepEqual(codes, [
      ...Array.from({ length: 5 }, () => 'UNAUTHORIZED'),
      'TOOMANYREQUESTS',
      'TOOMANYREQUESTS',
    ]);
  });
});

describe('a token', () => {
  test('holds only what is granted, for five minutes', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice', 'bob');
    const { access, services } = test.hub;
    services.repositories.create(alice, { name: 'alice/app' });
    const answer = await tokenFor(
      test.hub,
      'repository:alice/app:pull,push repository:bob/x:pull,push',
      basic('bob'),
    );
    const said = decodeJwt(answer.token);
    assert.deepEqual(said['access'], [
      { type: 'repository', name: 'alice/app', actions: ['pull'] },
      { type: 'repository', name: 'bob/x', actions: ['pull', 'push'] },
    ]);
    assert.deepEqual([said.sub, said.aud, said.iss], ['bob', 'hub.test:5000', 'http://hub.test:5000']);
    assert.equal(answer.expires_in, 300);
    assert.equal(answer.refresh_token, undefined, 'nobody asked for one');
    const bearer = `Bearer ${answer.token}`;
    assert.deepEqual(await access.admit(bearer, want('bob/x', 'push')), { account: 'bob' });
    assert.equal(await outcome(access.admit(bearer, want('bob/y', 'push'))), 'insufficient_scope');
    test.now += 299_000;
    assert.equal(await outcome(access.admit(bearer, undefined)), 'in');
    test.now += 2000;
    assert.equal(await outcome(access.admit(bearer, undefined)), 'invalid_token');
  });

  test('fits into a header, however much is asked for', async () => {
    await using test = new TestHub();
    await test.people('alice');
    const name = `alice/${'a'.repeat(240)}`;
    const scopes = Array.from({ length: 200 }, (_, index) => `repository:${name}${index}:pull,push,delete`);
    const { token } = await tokenFor(test.hub, scopes.join(' '), basic('alice'));
    assert.ok(token.length < 16_384, `${token.length}`);
    assert.equal(await outcome(test.hub.access.admit(`Bearer ${token}`, want(`${name}29`, 'push'))), 'in');
  });

  test('of nobody lets nobody pull what is hidden', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice');
    const { access, services } = test.hub;
    services.repositories.create(alice, { name: 'alice/app' });
    const { token } = await tokenFor(test.hub, 'repository:alice/app:pull,push repository:alice/secret:pull');
    assert.deepEqual(decodeJwt(token)['access'], [
      { type: 'repository', name: 'alice/app', actions: ['pull'] },
    ]);
    assert.deepEqual(await access.admit(`Bearer ${token}`, undefined), {});
    assert.deepEqual(await access.admit(`Bearer ${token}`, want('alice/app', 'pull')), {});
    assert.equal(
      await outcome(access.admit(`Bearer ${token}`, want('alice/secret', 'pull'))),
      'insufficient_scope',
    );
    services.repositories.update(alice, 'alice/app', { isPrivate: true });
    assert.equal(
      await outcome(access.admit(`Bearer ${token}`, want('alice/app', 'pull'))),
      'insufficient_scope',
    );
  });

  test('ends with the right, the account, the password and the access token behind it', async () => {
    await using test = new TestHub();
    const { admin, alice, bob } = await test.people('alice', 'bob');
    const { access, services } = test.hub;
    const { accounts, accessTokens, repositories } = services;
    repositories.create(alice, { name: 'alice/app', isPrivate: true });
    repositories.setCollaborator(alice, 'alice/app', 'bob', 'write');
    const scope = 'repository:alice/app:pull,push';
    const wanted = want('alice/app', 'push');
    const bearer = async (authorization = basic('bob')): Promise<string> =>
      `Bearer ${(await tokenFor(test.hub, scope, authorization)).token}`;

    const byRight = await bearer();
    repositories.setCollaborator(alice, 'alice/app', 'bob', 'read');
    assert.equal(await outcome(access.admit(byRight, wanted)), 'DENIED');
    repositories.setCollaborator(alice, 'alice/app', 'bob', 'write');
    assert.equal(await outcome(access.admit(byRight, wanted)), 'in');

    const { token, secret } = accessTokens.create(bob, { label: 'ci', permission: 'write' });
    const byToken = await bearer(basic('bob', secret));
    assert.equal(await outcome(access.admit(byToken, wanted)), 'in');
    accessTokens.revoke(bob, token.id);
    assert.equal(await outcome(access.admit(byToken, wanted)), 'invalid_token');

    await accounts.changePassword(admin, 'bob', { password: 'another password' });
    assert.equal(await outcome(access.admit(byRight, wanted)), 'invalid_token');
    const again = await bearer(basic('bob', 'another password'));
    accounts.update(admin, 'bob', { isDisabled: true });
    assert.equal(await outcome(access.admit(again, wanted)), 'invalid_token');
    accounts.update(admin, 'bob', { isDisabled: false });
    assert.equal(await outcome(access.admit(again, wanted)), 'invalid_token', 'it does not come back');
  });

  test('got with an access token that may only read does not push', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice');
    const { access, services } = test.hub;
    const { secret } = services.accessTokens.create(alice, { label: 'ci', permission: 'read' });
    const { token } = await tokenFor(test.hub, 'repository:alice/app:pull,push', basic('alice', secret));
    assert.deepEqual(decodeJwt(token)['access'], [
      { type: 'repository', name: 'alice/app', actions: ['pull'] },
    ]);
    for (const authorization of [`Bearer ${token}`, basic('alice', secret)]) {
      await assert.rejects(access.admit(authorization, want('alice/app', 'push')), {
        code: 'DENIED',
        message: 'the access token of alice may only read; use one that may do more',
      });
    }
    const writing = services.accessTokens.create(alice, { label: 'cd', permission: 'write' }).secret;
    assert.equal(await outcome(access.admit(basic('alice', writing), want('alice/app', 'push'))), 'in');
    assert.equal(await outcome(access.admit(basic('alice', writing), want('alice/app', 'delete'))), 'DENIED');
  });

  test('that somebody else made, or for something else, is none', async () => {
    await using test = new TestHub();
    await test.people('alice');
    const { access } = test.hub;
    const { token } = await tokenFor(test.hub, 'repository:alice/app:push', basic('alice'));
    const said = decodeJwt(token);
    const own = readFileSync(join(test.folder, 'token-key.pem'), 'utf8');
    const { createPrivateKey } = await import('node:crypto');
    const ours = createPrivateKey(own);
    const theirs = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const sign = async (
      payload: JWTPayload,
      key: KeyObject | Uint8Array,
      header = { alg: 'ES256', typ: 'JWT' },
    ) => await new SignJWT(payload).setProtectedHeader(header).sign(key);
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const [head = '', body = '', signature = ''] = token.split('.');
    const { exp: _exp, ...endless } = said;
    const forged = [
      await sign(said, theirs),
      await sign(said, rsa, { alg: 'RS256', typ: 'JWT' }),
      await sign(said, Buffer.from(own), { alg: 'HS256', typ: 'JWT' }),
      await sign({ ...said, aud: 'hub.test:5000/api' }, ours),
      await sign({ ...said, aud: 'other.test' }, ours),
      await sign({ ...said, iss: 'http://other.test' }, ours),
      await sign({ ...said, nbf: (said.nbf ?? 0) + 3600 }, ours),
      await sign({ ...said, epoch: 99 }, ours),
      await sign({ ...said, access: 'all' }, ours),
      await sign(endless, ours),
      `${part({ alg: 'none', typ: 'JWT' })}.${body}.`,
      `${part({ alg: 'None' })}.${body}.${signature}`,
      `${head}.${part({ ...said, sub: 'root-admin' })}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${token}x`,
      'x'.repeat(100_000),
      '..',
    ];
    assert.equal(
      await outcome(access.admit(`Bearer ${await sign(said, ours)}`, want('alice/app', 'push'))),
      'in',
    );
    for (const [index, bad] of forged.entries()) {
      assert.equal(
        await outcome(access.admit(`Bearer ${bad}`, want('alice/app', 'push'))),
        'invalid_token',
        `${index}`,
      );
    }
  });

  test('for the API is none for the registry', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice');
    const { access, services } = test.hub;
    const { secret } = services.accessTokens.create(alice, { label: 'ci', permission: 'admin' });
    for (const value of [secret, 'qhr_x']) {
      assert.equal(await outcome(access.admit(`Bearer ${value}`, undefined)), 'invalid_token');
    }
  });
});

describe('a refresh token', () => {
  test('stands for the password until that changes, or it is not used for long', async () => {
    await using test = new TestHub();
    const { admin } = await test.people('alice');
    const { accounts } = test.services;
    const get = async (): Promise<string> =>
      (await tokenFor(test.hub, '', basic('alice'), '&offline_token=true&client_id=docker')).refresh_token ??
      '';
    const token = await get();
    assert.match(token, /^qhr_/);
    assert.equal(await refresh(test.hub, token), 200);
    assert.equal(await refresh(test.hub, `${token}x`), 401);
    await accounts.changePassword(admin, 'alice', { password: PASSWORD });
    assert.equal(await refresh(test.hub, token), 401);
    const second = await get();
    accounts.update(admin, 'alice', { isDisabled: true });
    assert.equal(await refresh(test.hub, second), 401);
    accounts.update(admin, 'alice', { isDisabled: false });
    assert.equal(await refresh(test.hub, second), 401);
    const third = await get();
    test.now += 91 * 86_400_000;
    assert.equal(await refresh(test.hub, third), 401);
  });

  test('that was got with an access token ends with it, and may do no more', async () => {
    await using test = new TestHub();
    const { alice } = await test.people('alice');
    const { accessTokens } = test.services;
    const { token, secret } = accessTokens.create(alice, { label: 'ci', permission: 'read' });
    const got = await tokenFor(test.hub, '', basic('alice', secret), '&offline_token=true&client_id=docker');
    await using probe = await probeOf(test.hub);
    const answer = await probe.call('POST', '/token', {
      body: `grant_type=refresh_token&refresh_token=${got.refresh_token}&scope=repository:alice/app:pull,push`,
    });
    assert.equal((answer.json() as { scope: string }).scope, 'repository:alice/app:pull');
    accessTokens.revoke(alice, token.id);
    assert.equal(await refresh(test.hub, got.refresh_token ?? ''), 401);
  });
});

describe('POST /token', () => {
  test('takes a name and a password in a form, and says what is wrong with others', async () => {
    await using test = new TestHub();
    await test.people('alice');
    await using probe = await probeOf(test.hub);
    const post = async (fields: Record<string, string>) =>
      await probe.call('POST', '/token', { body: new URLSearchParams(fields).toString() });
    const right = { grant_type: 'password', username: 'alice', password: PASSWORD, client_id: 'containerd' };
    const answer = await post({
      ...right,
      access_type: 'offline',
      scope: 'repository:alice/a:pull repository:alice/b:push',
    });
    const { access_token: token, refresh_token: kept, scope } = answer.json() as Record<string, string>;
    assert.deepEqual([answer.status, answer.headers['cache-control']], [200, 'no-store']);
    assert.ok(token && kept && scope === 'repository:alice/a:pull repository:alice/b:push');
    const wrong = await post({ ...right, password: 'wrong password' });
    assert.equal(wrong.status, 401);
    assert.deepEqual(wrong.json(), {
      errors: [
        {
          code: 'UNAUTHORIZED',
          message: 'incorrect username or password',
          detail: 'authentication required',
        },
      ],
      error: 'invalid_grant',
      error_description: 'incorrect username or password',
    });
    assert.equal((await post({ grant_type: 'client_credentials' })).status, 400);
    assert.equal((await post({ ...right, scope: 'x'.repeat(70_000) })).status, 413);
    assert.equal((await probe.call('GET', '/token', { headers: { authorization: 'Bearer x' } })).status, 401);
  });

  test('gives nobody a token where everybody has to sign in', async () => {
    await using test = new TestHub({ anonymous: 'none' });
    const { alice } = await test.people('alice');
    test.services.repositories.create(alice, { name: 'alice/app' });
    await using probe = await probeOf(test.hub);
    assert.equal((await probe.call('GET', '/token?scope=repository:alice/app:pull')).status, 401);
    assert.equal(await outcome(test.hub.access.admit(undefined, want('alice/app', 'pull'))), 'UNAUTHORIZED');
  });
});
