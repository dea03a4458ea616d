import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { ApiClient, compareVersions, queryString } from './api-client.ts';
import { FakeTransport } from './fake-transport.ts';

const routes = {
  'GET /info': { body: { Name: 'engine' } },
  'POST /images/load': { body: '{}' },
  'HEAD /_ping': {},
  'POST /bad': { status: 400, body: { message: 'no good' } },
  'POST /plain': { status: 500, body: 'panic\n' },
  'DELETE /gone': { status: 204 },
};

test('call() speaks our newest version to an engine that knows it, without asking first', async () => {
  const transport = new FakeTransport(routes);
  const client = new ApiClient({ transport });
  assert.deepEqual(await client.call('GET', '/info'), { Name: 'engine' });
  assert.deepEqual(
    transport.seen.map(one => one.path),
    ['/v1.55/info'],
  );
});

test('call() repeats the first call in the version of an older engine, and stays with it', async () => {
  const transport = new FakeTransport(routes, { apiVersion: '1.41' });
  const client = new ApiClient({ transport });
  await client.call('GET', '/info');
  await client.call('GET', '/info');
  assert.deepEqual(
    transport.seen.map(one => one.path),
    ['/v1.55/info', '/v1.41/info', '/v1.41/info'],
  );
  assert.equal(await client.apiVersion(), '1.41');
});

test('call() does not repeat a first call that is refused for another reason', async () => {
  const transport = new FakeTransport(routes);
  await assert.rejects(new ApiClient({ transport }).call('POST', '/bad', { body: {} }), {
    status: 400,
    message: 'no good',
  });
  assert.equal(transport.seen.length, 1);
});

test('call() asks for the version before it sends a stream, which cannot be repeated', async () => {
  const transport = new FakeTransport(routes, { apiVersion: '1.30' });
  await new ApiClient({ transport }).call('POST', '/images/load', {
    body: Readable.from([Buffer.from('tar')]),
  });
  assert.deepEqual(
    transport.seen.map(one => one.path),
    ['/_ping', '/v1.30/images/load'],
  );
  assert.equal(transport.seen[1]?.body, 'tar');
});

test('call() uses the version it was made with', async () => {
  const transport = new FakeTransport(routes);
  await new ApiClient({ transport, apiVersion: '1.40' }).call('GET', '/info');
  assert.equal(transport.seen[0]?.path, '/v1.40/info');
});

test("call() throws the engine's message, JSON or not, and takes an empty answer for null", async () => {
  const client = new ApiClient({ transport: new FakeTransport(routes) });
  await assert.rejects(client.call('POST', '/plain'), { name: 'ApiError', status: 500, message: 'panic' });
  assert.equal(await client.call('DELETE', '/gone'), null);
});

test("hijack() throws the engine's refusal", async () => {
  const client = new ApiClient({ transport: new FakeTransport({ 'HEAD /_ping': {} }) });
  await assert.rejects(client.hijack('/containers/x/attach'), { status: 404 });
});

test('queryString() leaves out what is absent, repeats lists and escapes', () => {
  assert.equal(
    queryString({ a: undefined, b: true, c: false, d: 'x y&z', e: ['1', '2'], f: 0 }),
    '?b=1&c=0&d=x%20y%26z&e=1&e=2&f=0',
  );
  assert.equal(queryString({ a: undefined }), '');
});

test('compareVersions() compares numbers, not text', () => {
  assert.ok(compareVersions('1.9', '1.41') < 0);
  assert.equal(compareVersions('1.41', '1.41'), 0);
  assert.ok(compareVersions('2.0', '1.55') > 0);
});
