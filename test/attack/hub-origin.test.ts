import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ADMIN, TestHub } from '../support/hub.ts';

/*
 * The hub's pages and what strangers push are served by one host: whatever of it a browser took for a page, a script or a stylesheet
 * could act as whoever is signed in there.
 */

const HTML = '<script>document.body.append("hurt")</script>';
const HEADERS = {
  authorization: `Basic ${Buffer.from(`${ADMIN.name}:${ADMIN.password}`).toString('base64')}`,
};
const INERT = /^application\/(?:octet-stream|json|vnd\.(?:oci|docker)\.[a-z0-9.+-]+)(?:$|;)/;

let hub: TestHub;
before(async () => {
  hub = await TestHub.start();
});
after(() => hub?.[Symbol.asyncDispose]());

function digestOf(bytes: string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

async function putBlob(bytes: string): Promise<string> {
  const digest = digestOf(bytes);
  const path = `/v2/boss/app/blobs/uploads/?digest=${digest}`;
  const headers = { ...HEADERS, 'content-type': 'application/octet-stream' };
  const answer = await fetch(`${hub.url}${path}`, { method: 'POST', headers, body: bytes });
  assert.equal(answer.status, 201, await answer.text());
  return digest;
}

async function putManifest(type: string, manifest: object): Promise<Response> {
  const headers = { ...HEADERS, 'content-type': type };
  const body = JSON.stringify(manifest);
  return await fetch(`${hub.url}/v2/boss/app/manifests/latest`, { method: 'PUT', headers, body });
}

function assertInert(answer: Response, what: string): void {
  assert.match(answer.headers.get('content-type') ?? 'application/octet-stream', INERT, what);
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', what);
}

test('a blob that is a page is bytes for every browser', async () => {
  const digest = await putBlob(HTML);
  const answer = await fetch(`${hub.url}/v2/boss/app/blobs/${digest}`, { headers: HEADERS });
  assert.equal(await answer.text(), HTML);
  assertInert(answer, 'blob');
});

test('a manifest can not call itself a page, and one that holds a page is none', async () => {
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    size: 2,
    digest: await putBlob('{}'),
  };
  const manifest = { schemaVersion: 2, config, layers: [], annotations: { note: HTML } };
  const oci = 'application/vnd.oci.image.manifest.v1+json';
  for (const [type, own] of [
    ['text/html', undefined],
    ['text/html; charset=utf-8', 'text/html'],
    [oci, 'text/html'],
    ['application/xhtml+xml', 'application/xhtml+xml'],
    ['image/svg+xml', undefined],
  ] as const) {
    const refused = await putManifest(type, {
      ...manifest,
      ...(own === undefined ? {} : { mediaType: own }),
    });
    assert.equal(refused.status, 400, `${type}, ${own}`);
    assertInert(refused, `the refusal of ${type}`);
  }
  for (const type of [oci, 'application/json', 'text/plain']) {
    assert.equal((await putManifest(type, manifest)).status, 201, type);
    const answer = await fetch(`${hub.url}/v2/boss/app/manifests/latest`, { headers: HEADERS });
    assert.match(await answer.text(), /<script>/);
    assert.match(
      answer.headers.get('content-type') ?? '',
      /^application\/vnd\.oci\.image\.manifest\.v1\+json$/,
    );
    assertInert(answer, 'manifest');
  }
});

test('refusals that say what was asked for are no pages', async () => {
  const bad = encodeURIComponent(HTML);
  for (const path of [
    `/v2/${bad}/manifests/x`,
    `/v2/boss/app/manifests/${bad}`,
    `/v2/boss/app/blobs/${bad}`,
    `/v2/${bad}`,
  ]) {
    const answer = await fetch(`${hub.url}${path}`, { headers: HEADERS });
    assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`);
    assertInert(answer, path);
  }
  for (const path of [
    `/token?scope=${bad}&service=${bad}&account=${bad}`,
    `/v2/search/repositories?query=${bad}`,
    `/v1/search?q=${bad}`,
  ]) {
    const answer = await fetch(`${hub.url}${path}`, { headers: HEADERS });
    assert.ok(answer.status < 500, `${path}: ${answer.status}`);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/, path);
  }
});

test('nothing that is pushed changes how pages are shown', async () => {
  const answer = await fetch(`${hub.url}/r/boss/app?tab=tags`);
  assert.equal(answer.status, 200);
  assert.doesNotMatch(await answer.text(), /hurt/);
  assert.match(answer.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
});
