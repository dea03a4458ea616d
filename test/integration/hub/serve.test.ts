import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Database } from '#store/database';
import { Certificate, cannotMakeCertificate } from '../../support/http2-front.ts';
import { ADMIN, TestHub } from '../../support/hub.ts';
import { runProgram } from '../../support/programs.ts';
import { freePort } from '../../support/registry.ts';
import { RegistryRequests, sha256 } from '../../support/registry-requests.ts';
import { SiteClient } from '../../support/site-client.ts';
import { until } from '../../support/until.ts';

const LAUNCHER = fileURLToPath(new URL('../../../quai', import.meta.url));
const PASSWORD = 'correct horse battery';
const folder = mkdtempSync(join(tmpdir(), 'quai-hub-serve-'));
after(() => rmSync(folder, { recursive: true }));

/** `quai hub serve` that has to refuse: its status and what it says. */
async function refusal(...words: string[]): Promise<[code: number, text: string]> {
  const { code, stderr } = await runProgram(LAUNCHER, ['hub', 'serve', '--log-format', 'human', ...words]);
  return [code, stderr];
}

test('the first start prints a link; who follows it makes the first account, and nobody after that does (S311)', async () => {
  await using hub = await TestHub.start({ isFresh: true });
  const link = new RegExp(`the administrator's, at (${hub.url}/setup\\?code=[a-z0-9-]+)"`).exec(hub.log)?.[1];
  assert.ok(link, hub.log);
  const { pathname, search, searchParams } = new URL(link);
  const browser = new SiteClient(hub.url);
  assert.equal((await browser.get('/')).headers.get('location'), '/setup');
  const page = await browser.get(`${pathname}${search}`);
  assert.ok(page.text.includes(`value="${searchParams.get('code')}"`), 'the code is in the form already');
  const account = { name: 'ada', 'full-name': 'Ada', password: PASSWORD, again: PASSWORD };
  const made = await browser.submit(`${pathname}${search}`, '/setup', {
    ...account,
    code: searchParams.get('code') ?? '',
  });
  assert.equal(made.status, 303, made.text);
  assert.equal((await new SiteClient(hub.url).get('/setup')).headers.get('location'), '/login');
  assert.equal(existsSync(join(hub.root, 'setup-code')), false);
  assert.equal(statSync(hub.root).mode & 0o077, 0, 'the folder is for its user alone');

  assert.equal(await hub.stop(), 0);
  const before = hub.log.length;
  await hub.start();
  assert.doesNotMatch(hub.log.slice(before), /setup\?code=/);
  await new SiteClient(hub.url).signIn('ada', PASSWORD);
});

test('what cannot work is refused with a reason and a status that says whether to try again', async () => {
  await using hub = await TestHub.start();
  const root = join(folder, 'other');
  const address = ['--listen', `127.0.0.1:${await freePort()}`];
  writeFileSync(join(folder, 'file'), 'x');

  const [shared, sharedText] = await refusal('--root', hub.root, ...address);
  assert.deepEqual([shared, /another hub already uses .*--root/.test(sharedText)], [75, true], sharedText);
  const [used, usedText] = await refusal('--root', root, '--listen', hub.host);
  assert.deepEqual(
    [used, /another program already listens on .*--listen/.test(usedText)],
    [75, true],
    usedText,
  );
  const [blocked, blockedText] = await refusal('--root', join(folder, 'file/below'), ...address);
  assert.deepEqual(
    [blocked, /cannot write to the hub's folder .*--root/.test(blockedText)],
    [78, true],
    blockedText,
  );
  const [open, openText] = await refusal('--root', root, '--listen', ':5000');
  assert.deepEqual([open, /without TLS: give --tls-cert/.test(openText)], [78, true], openText);
  const [absent, absentText] = await refusal('--root', root, '--listen', '192.0.2.1:5000', '--insecure-http');
  assert.deepEqual([absent, /no address 192\.0\.2\.1/.test(absentText)], [78, true], absentText);
  const files = ['--tls-cert', join(folder, 'file'), '--tls-key', join(folder, 'file')];
  const [bad, badText] = await refusal('--root', root, ...address, ...files);
  assert.deepEqual([bad, /file is not a certificate as PEM/.test(badText)], [78, true], badText);
  const short = ['--admin', 'ada', '--admin-password-file', join(folder, 'file')];
  const [weak, weakText] = await refusal('--root', join(folder, 'weak'), ...address, ...short);
  assert.deepEqual([weak, /password/.test(weakText)], [78, true], weakText);
});

test('a database that is lost, damaged or of a newer version is told, and no image goes for it', async () => {
  await using hub = await TestHub.start();
  const registry = new RegistryRequests(hub.host);
  const body = 'to be kept';
  const digest = sha256(body);
  const path = `/v2/${ADMIN.name}/app/blobs/`;
  const basic = Buffer.from(`${ADMIN.name}:${ADMIN.password}`).toString('base64');
  const headers = { Authorization: `Basic ${basic}` };
  const pushed = await registry.call('POST', `${path}uploads/?digest=${digest}`, { headers, body });
  assert.equal(pushed.status, 201);
  assert.equal(await hub.stop(), 0);
  hub.forgive(/the hub cannot start/);

  const database = join(hub.root, 'hub.sqlite');
  renameSync(database, join(folder, 'aside'));
  assert.equal(await hub.start(), 78);
  assert.match(hub.log, /images are in .*: put the database back from a copy/);
  writeFileSync(database, 'no database at all'.repeat(1000));
  assert.equal(await hub.start(), 78);
  assert.match(hub.log, /hub.sqlite is damaged \(.*\): put a copy of it back/);
  renameSync(join(folder, 'aside'), database);
  const change = (sql: string): void => {
    using newer = new Database(database);
    newer.run(sql);
  };
  change("INSERT INTO migrations (name, applied_at) VALUES ('hub/99-of-tomorrow', 0)");
  assert.equal(await hub.start(), 78);
  assert.match(hub.log, /was made by a newer version \(it has hub\/99-of-tomorrow\)/);
  change("DELETE FROM migrations WHERE name = 'hub/99-of-tomorrow'");
  assert.equal(await hub.start(), undefined);
  assert.equal((await registry.call('GET', `${path}${digest}`, { headers })).bytes.toString(), body);
});

test('SIGHUP has the certificate read again; one that is wrong changes nothing', {
  skip: cannotMakeCertificate,
}, async () => {
  using first = new Certificate();
  using second = new Certificate();
  await using hub = await TestHub.start({ tls: first });
  const port = Number(new URL(hub.url).port);
  const before = await fingerprint(port);
  copyFileSync(second.certificate, first.certificate);
  process.kill(hub.pid, 'SIGHUP'); // the key is still the other's
  await until('it is refused', () => hub.log.includes('the certificate stays as it was'));
  assert.match(hub.log, /does not belong to the certificate/);
  assert.equal(await fingerprint(port), before);

  copyFileSync(second.key, first.key);
  process.kill(hub.pid, 'SIGHUP');
  await until('it is taken', () => hub.log.includes('the certificate has been read again'));
  assert.notEqual(await fingerprint(port), before);
  hub.forgive(/the certificate stays as it was/);
});

/** Of the certificate that is shown there. */
async function fingerprint(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
    resolve(socket.getPeerCertificate().fingerprint256),
  );
  socket.once('error', reject);
  return await promise.finally(() => socket.destroy());
}
