import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '#base/errors';
import type { Logger } from '#base/logger';
import { silentLogger } from '#base/logger';
import { createHttpServer, type Edge } from '#http/http-server';
import { ServerProbe } from '#http/server-probe';
import { TestHub } from '../test-hub.ts';
import { page } from './answer.ts';
import { FieldError } from './field-error.ts';
import { html } from './html.ts';
import { type Show, Site } from './site.ts';

const edge: Edge = {
  headers: {},
  admit: (_request, path) => ({ path, version: 0 }),
  fail: error => {
    throw error;
  },
};

async function probeOf(hub: TestHub, show: Show, logger: Logger = silentLogger): Promise<ServerProbe> {
  const site = new Site({ services: hub.services, options: { logger, host: 'hub.example' } });
  const routes = [
    ...site.get('/page', show),
    site.post(
      '/page',
      () => {
        throw new FieldError('name', 'not like this');
      },
      show,
    ),
  ];
  return await ServerProbe.start(createHttpServer({ routes, edge, logger }));
}

const shown: Show = (visit, problem) =>
  page('A <title>', html`<form>${visit.formField()}</form><p>${problem?.field} ${problem?.message}</p>`);

test('a page that fails says nothing of why, and the log does', async () => {
  await using hub = new TestHub();
  const errors: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (_message, fields) => void errors.push(fields?.['error']),
  };
  const broken = new Error('secret detail of /var/lib/quai');
  await using probe = await probeOf(
    hub,
    () => {
      throw broken;
    },
    logger,
  );
  const answer = await probe.call('GET', '/page');
  assert.equal(answer.status, 500);
  assert.match(answer.text, /<h1>Something broke<\/h1>/);
  assert.doesNotMatch(answer.text, /secret detail/);
  assert.deepEqual(errors, [broken]);
});

test('kinds of errors are statuses of pages, and who is not signed in is shown the way', async () => {
  await using hub = new TestHub();
  let error = new EngineError('notFound', 'no repository ana/secret');
  await using probe = await probeOf(hub, () => {
    throw error;
  });
  const missing = await probe.call('GET', '/page');
  assert.equal(missing.status, 404);
  assert.doesNotMatch(missing.text, /ana\/secret/);
  error = new EngineError('forbidden', 'only <owners> may');
  assert.match((await probe.call('GET', '/page')).text, /Only &lt;owners&gt; may\./);
  error = new EngineError('unauthorized', 'who are you');
  const redirected = await probe.call('GET', '/page?x=1&y=%22');
  assert.equal(redirected.status, 303);
  assert.equal(redirected.headers.location, '/login?next=%2Fpage%3Fx%3D1%26y%3D%2522');
});

test('HEAD has the headers of GET, and no body', async () => {
  await using hub = new TestHub();
  await using probe = await probeOf(hub, () => page('Page', html`text`));
  const answer = await probe.call('HEAD', '/page');
  assert.equal(answer.status, 200);
  assert.equal(answer.text, '');
  assert.match(String(answer.headers['content-security-policy']), /default-src 'none'/);
});

test('a form that is wrong is shown again, once it is known to be ours', async () => {
  await using hub = new TestHub();
  await using probe = await probeOf(hub, shown);
  const first = await probe.call('GET', '/page');
  assert.match(first.text, /<title>A &lt;title&gt; · Quai Hub<\/title>/);
  const cookie = String(first.headers['set-cookie']?.[0]).split(';', 1)[0] ?? '';
  const token = /name="form-token" value="([^"]+)"/.exec(first.text)?.[1] ?? '';
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Cookie: cookie };
  const forged = await probe.call('POST', '/page', { headers, body: 'form-token=x' });
  assert.equal(forged.status, 403);
  const again = await probe.call('POST', '/page', { headers, body: `form-token=${token}` });
  assert.equal(again.status, 400);
  assert.match(again.text, /<p>name Not like this\.<\/p>/);
});
