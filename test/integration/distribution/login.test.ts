import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSign, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { digestOf } from '#base/ids';
import type { Credentials } from '#distribution/credentials';
import { HttpClient } from '#distribution/http-client';
import type { Repository } from '#distribution/repository';
import { TlsSettingsSource } from '#distribution/tls-settings';
import { transportError } from '#distribution/transport-error';
import { FaultProxy, type SeenRequest } from '../../support/fault-proxy.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry;
const USER: Credentials = { username: 'ann', password: 'canary-5b2f' };
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'quai-login-'));
});

after(() => rmSync(folder, { recursive: true }));

async function push(repository: Repository): Promise<void> {
  const bytes = randomBytes(2000);
  const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size: bytes.length };
  await repository.upload(descriptor, () => Readable.from([bytes]));
  assert.ok(await repository.hasBlob(descriptor.digest));
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
}

test('name and password let one in; without them, and with wrong ones, the words are those of Docker', {
  skip,
}, async () => {
  await using registry = await TestRegistry.start({ auth: 'ann' });
  using fixture = new ClientFixture();
  const reference = fixture.reference(registry.host, 'private/app');
  await fixture.client.login(registry.host, USER);
  await push(fixture.client.repository(reference, USER));
  await assert.rejects(fixture.client.repository(reference).resolve('x'), {
    kind: 'unauthorized',
    message: 'no basic auth credentials',
  });
  const wrong = { ...USER, password: 'wrong' };
  await assert.rejects(fixture.client.login(registry.host, wrong), {
    kind: 'unauthorized',
    message: `login attempt to http://${registry.host}/v2/ failed with status: 401 Unauthorized`,
  });
});

test('a registry with a certificate of a CA of its own is trusted when the CA is in certs.d, and not before', {
  skip,
}, async () => {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=Test CA',
  );
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
    '-subj',
    '/CN=localhost',
  );
  writeFileSync(join(folder, 'san.cnf'), 'subjectAltName=DNS:localhost,DNS:localtest,IP:127.0.0.1');
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'san.cnf',
    '-out',
    'server.crt',
  );
  await using registry = await TestRegistry.start({
    auth: 'ann',
    tls: { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') },
  });
  using fixture = new ClientFixture();
  // Nothing on the loopback needs to prove itself, so a rule makes it.
  const rules = join(folder, 'rules.json');
  const host = `localhost:${registry.port}`;
  const location = `https://${host}`;
  writeFileSync(
    rules,
    JSON.stringify({ registries: [{ prefix: 'secure.test', location, credentials: true }] }),
  );
  using strict = new ClientFixture({ rules, certificateFolders: [join(folder, 'certs.d')] });
  const repository = strict.client.repository(strict.reference('secure.test', 'app'), USER);
  await push(fixture.client.repository(fixture.reference(host, 'open/app'), USER));
  const certificates = new TlsSettingsSource([join(folder, 'certs.d')]);
  using http = new HttpClient({ proxies: {}, userAgent: 'quai-test' });
  const url = new URL(`https://${host}/v2/`);
  const status = async (): Promise<number> => {
    const tls = certificates.of(host, {}, { isVerified: true });
    const response = await http.send({ method: 'GET', url, headers: {}, tls }).catch((error: unknown) => {
      throw transportError(error, 'GET', url);
    });
    response.discard();
    return response.status;
  };
  await assert.rejects(
    status(),
    /x509: certificate signed by unknown authority; if it is your own, put it into /,
  );
  mkdirSync(join(folder, 'certs.d', host), { recursive: true });
  copyFileSync(join(folder, 'ca.crt'), join(folder, 'certs.d', host, 'ca.crt'));
  assert.equal(await status(), 401);
  await push(repository);
});

interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  readonly asked: URL[];
  readonly certificate: string;
}

/** A token server by the specification of distribution: JWTs signed with a key whose certificate the registry trusts. */
async function tokenServer(): Promise<TokenServer> {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'token.key',
    '-out',
    'token.crt',
    '-days',
    '2',
    '-subj',
    '/CN=issuer',
  );
  const asked: URL[] = [];
  const der = execFileSync('openssl', ['x509', '-in', join(folder, 'token.crt'), '-outform', 'DER']);
  const key = execFileSync('cat', [join(folder, 'token.key')]);
  const server = createServer((request, response) => {
    text(request).then(form => answer(request, form, response), assert.ifError);
  });
  const answer = (request: IncomingMessage, form: string, response: ServerResponse): void => {
    const url = new URL(form === '' ? (request.url ?? '') : `/token?${form}`, 'http://localhost');
    asked.push(url);
    const { authorization } = request.headers;
    const isKnown =
      authorization === `Basic ${Buffer.from('ann:canary-5b2f').toString('base64')}` ||
      url.searchParams.get('refresh_token') === 'kept-instead';
    if (!isKnown && (authorization !== undefined || form !== '')) {
      response.writeHead(401).end(JSON.stringify({ details: 'incorrect username or password' }));
      return;
    }
    const access = url.searchParams.getAll('scope').flatMap(scope => {
      const [type = '', name = '', actions = ''] = scope.split(':');
      const allowed = actions.split(',').filter(action => isKnown || action === 'pull');
      return [{ type, name, actions: allowed }];
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'test',
      sub: 'ann',
      aud: 'registry',
      exp: now + 300,
      nbf: now - 5,
      iat: now,
      jti: randomBytes(8).toString('hex'),
      access,
    };
    const header = { typ: 'JWT', alg: 'RS256', x5c: [der.toString('base64')] };
    const signed = [header, claims]
      .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = createSign('RSA-SHA256').update(signed).sign(key).toString('base64url');
    response.setHeader('content-type', 'application/json');
    const refresh = url.searchParams.has('offline_token') ? { refresh_token: 'kept-instead' } : {};
    response.end(JSON.stringify({ token: `${signed}.${signature}`, expires_in: 300, ...refresh }));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    realm: `http://127.0.0.1:${address.port}/token`,
    asked,
    certificate: join(folder, 'token.crt'),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('tokens are asked for once per repository and right, and used until they end', { skip }, async () => {
  await using tokens = await tokenServer();
  await using registry = await TestRegistry.start({
    auth: {
      token: { realm: tokens.realm, service: 'registry', issuer: 'test', rootcertbundle: tokens.certificate },
    },
  });
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app'), USER);
  await push(repository);
  await push(repository);
  const scopes = tokens.asked.map(url => url.searchParams.get('scope'));
  assert.deepEqual(scopes, ['repository:team/app:pull,push']);

  const anonymous = fixture.client.repository(fixture.reference(registry.host, 'team/app'));
  await assert.rejects(anonymous.resolve('none'), { kind: 'notFound' });
  await assert.rejects(push(anonymous), {
    message: /authentication required|requested access to the resource is denied/,
  });
});

test('a login is proved by the password, whatever is remembered, and brings a token to keep instead', {
  skip,
}, async () => {
  await using tokens = await tokenServer();
  await using registry = await TestRegistry.start({
    auth: {
      token: { realm: tokens.realm, service: 'registry', issuer: 'test', rootcertbundle: tokens.certificate },
    },
  });
  using fixture = new ClientFixture();
  const { client } = fixture;
  assert.deepEqual(await client.login(registry.host, USER), { identityToken: 'kept-instead' });
  await client.login(registry.host, USER);
  assert.equal(tokens.asked.length, 2);
  await assert.rejects(client.login(registry.host, { ...USER, password: 'wrong' }), {
    kind: 'unauthorized',
    message: 'unauthorized: incorrect username or password',
  });

  const kept = { username: 'ann', identityToken: 'kept-instead' };
  const reference = fixture.reference(registry.host, 'team/app');
  await push(client.repository(reference, kept));
  await push(client.repository(reference, kept));
  const last = tokens.asked.slice(3);
  assert.deepEqual(
    last.map(url => url.searchParams.get('grant_type')),
    ['refresh_token'],
  );
  await assert.rejects(push(client.repository(reference, { ...kept, identityToken: 'made up' })), {
    kind: 'unauthorized',
  });
});

/** Whether any secret is in what a server was sent. */
function leaks(seen: readonly SeenRequest[]): boolean {
  const text = JSON.stringify(seen);
  return text.includes('canary-5b2f') || text.includes(Buffer.from('ann:canary-5b2f').toString('base64'));
}

test('secrets do not follow a redirect, nor go to a token server that has no business with them', {
  skip,
}, async () => {
  await using plain = await TestRegistry.start();
  await using thief = await FaultProxy.before(plain.port);
  await using registry = await FaultProxy.before(plain.port);
  using fixture = new ClientFixture();
  const reference = fixture.reference(registry.host, 'team/app');

  registry.fault = ({ path, headers }) => {
    if (headers.authorization === undefined) {
      return { answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="test"' } } };
    }
    return path.includes('/blobs/')
      ? { answer: { status: 307, headers: { location: `http://${thief.host}${path}` } } }
      : undefined;
  };
  const absent = { mediaType: '', digest: digestOf('absent'), size: 6 };
  const repository = fixture.client.repository(reference, USER);
  await assert.rejects(repository.blob(absent));
  assert.ok(leaks(registry.seen), 'the registry itself was told');
  assert.equal(thief.count('/blobs/'), 1);
  assert.ok(!leaks(thief.seen), 'a redirect carried secrets');
  registry.seen.length = 0;

  for (const [realm, message] of [
    ['http://localhost.example:1/token', /^no token is asked for at/],
    ['ftp://127.0.0.1/token', /^no token is asked for at/],
    ['http://ann:x@127.0.0.1/token', /^no token is asked for at/],
    ['token', /^unauthorized: authentication required/], // no place at all
  ] as const) {
    using other = new ClientFixture();
    registry.fault = () => ({
      answer: { status: 401, headers: { 'www-authenticate': `Bearer realm="${realm}",service="x"` } },
    });
    await assert.rejects(other.client.repository(reference, USER).resolve('x'), { message });
    assert.ok(!leaks(registry.seen.splice(0)), realm);
  }
});

test('redirects end somewhere, and never lead from TLS to plain text or to files', { skip }, async () => {
  await using plain = await TestRegistry.start();
  await using registry = await FaultProxy.before(plain.port);
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app'));
  const absent = { mediaType: '', digest: digestOf('absent'), size: 6 };
  for (const location of [
    `http://${registry.host}/v2/loop/blobs/x`,
    'file:///etc/passwd',
    'http://169.254.169.254/latest/meta-data',
  ]) {
    registry.fault = ({ path }) =>
      path.includes('/blobs/') ? { answer: { status: 302, headers: { location } } } : undefined;
    await assert.rejects(repository.blob(absent), /which is not followed|not a public address/);
  }
});
