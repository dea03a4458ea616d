import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import {
  descriptor,
  manifestOf,
  OCI_INDEX,
  OCI_MANIFEST,
  RegistryRequests,
  sha256,
} from '../../support/registry-requests.ts';
import { RegistryServer } from '../../support/registry-server.ts';

const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
let server: RegistryServer;
let registry: RegistryRequests;

before(async () => {
  server = await RegistryServer.start();
  registry = new RegistryRequests(server.host);
});
after(async () => {
  await server[Symbol.asyncDispose]();
});

/** An index of images that are there. */
function indexOf(manifests: readonly { manifest: string; architecture: string }[], mediaType = OCI_INDEX) {
  return {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map(({ manifest, architecture }) => ({
      ...descriptor(manifest, OCI_MANIFEST),
      platform: { os: 'linux', architecture },
    })),
  };
}

test('PUT, GET and HEAD of a manifest, by tag and by digest', async () => {
  const { digest, manifest } = await registry.push('put/get', '1.0');
  for (const name of ['1.0', digest]) {
    const path = `/v2/put/get/manifests/${name}`;
    const got = await registry.call('GET', path);
    assert.deepEqual([got.status, got.bytes.toString()], [200, manifest]);
    assert.equal(got.headers['docker-content-digest'], digest);
    assert.equal(got.headers['content-type'], OCI_MANIFEST);
    const looked = await registry.call('HEAD', path);
    assert.equal(looked.headers['content-length'], String(Buffer.byteLength(manifest)));
    assert.equal(looked.bytes.length, 0);
    const known = await registry.call('GET', path, { headers: { 'If-None-Match': `"${digest}"` } });
    assert.equal(known.status, 304);
  }
  const put = await registry.putManifest('put/get', digest, manifest);
  assert.deepEqual([put.status, put.headers.location], [201, `/v2/put/get/manifests/${digest}`]);
});

test('a manifest is stored byte by byte, whatever its spaces are', async () => {
  const config = '{}';
  await registry.putBlob('as/is', config);
  const body = `${JSON.stringify(manifestOf(config, []), null, '\t')}\n\n`;
  const { headers } = await registry.call('PUT', '/v2/as/is/manifests/x', {
    headers: { 'Content-Type': OCI_MANIFEST },
    body,
  });
  assert.equal(headers['docker-content-digest'], sha256(body));
  assert.equal((await registry.call('GET', '/v2/as/is/manifests/x')).bytes.toString(), body);
});

test('a tag moves, and the manifest it was on stays under its digest', async () => {
  const one = await registry.push('mo/ves', 'latest');
  const two = await registry.push('mo/ves', 'latest');
  assert.equal((await registry.call('HEAD', '/v2/mo/ves/manifests/latest')).headers.etag, `"${two.digest}"`);
  assert.equal((await registry.call('GET', `/v2/mo/ves/manifests/${one.digest}`)).status, 200);
});

test('Docker types are taken, schema 1 is refused in words', async () => {
  const config = JSON.stringify({ architecture: 'arm64', os: 'linux' });
  await registry.putBlob('doc/ker', config);
  const manifest = {
    ...manifestOf(config, []),
    mediaType: DOCKER_MANIFEST,
    config: descriptor(config, 'application/vnd.docker.container.image.v1+json'),
  };
  assert.equal((await registry.putManifest('doc/ker', 'a', manifest)).status, 201);
  const text = JSON.stringify(manifest);
  const list = {
    schemaVersion: 2,
    mediaType: DOCKER_INDEX,
    manifests: [{ ...descriptor(text, DOCKER_MANIFEST), platform: { os: 'linux', architecture: 'arm64' } }],
  };
  assert.equal((await registry.putManifest('doc/ker', 'list', list)).status, 201);
  assert.equal(
    (await registry.call('GET', '/v2/doc/ker/manifests/list')).headers['content-type'],
    DOCKER_INDEX,
  );
  assert.deepEqual(
    Object.fromEntries(server.registry.catalog.tags('doc/ker').map(({ tag, platforms }) => [tag, platforms])),
    {
      a: [{ os: 'linux', architecture: 'arm64' }],
      list: [{ os: 'linux', architecture: 'arm64' }],
    },
  );
  const old = JSON.stringify({ schemaVersion: 1, name: 'x', tag: 'y', fsLayers: [] });
  for (const type of ['application/vnd.docker.distribution.manifest.v1+prettyjws', 'application/json']) {
    const { status, code, message } = await registry.call('PUT', '/v2/doc/ker/manifests/old', {
      headers: { 'Content-Type': type },
      body: old,
    });
    assert.deepEqual([status, code], [400, 'MANIFEST_INVALID']);
    assert.match(message ?? '', /schema 1/);
  }
});

test('what a manifest refers to has to be there, and as large as it says', async () => {
  const [config, layer] = ['{"os":"linux"}', 'a layer'];
  await registry.putBlob('mis/sing', config);
  const manifest = manifestOf(config, [layer]);
  const missing = await registry.putManifest('mis/sing', 'x', manifest);
  assert.deepEqual([missing.status, missing.code], [404, 'MANIFEST_BLOB_UNKNOWN']);
  assert.match(missing.message ?? '', new RegExp(sha256(layer)));
  await registry.putBlob('else/where', layer);
  assert.equal((await registry.putManifest('mis/sing', 'x', manifest)).code, 'MANIFEST_BLOB_UNKNOWN');

  await registry.putBlob('mis/sing', layer);
  const wrong = { ...manifest, layers: [{ ...descriptor(layer, 'x/y'), size: 3 }] };
  const size = await registry.putManifest('mis/sing', 'x', wrong);
  assert.deepEqual([size.status, size.code], [400, 'SIZE_INVALID']);
  assert.equal((await registry.putManifest('mis/sing', 'x', manifest)).status, 201);

  const index = indexOf([{ manifest: 'not there', architecture: 'amd64' }]);
  assert.equal((await registry.putManifest('mis/sing', 'i', index)).code, 'MANIFEST_BLOB_UNKNOWN');
});

test('layers that are to be fetched from elsewhere need not be there, and nobody fetches them', async () => {
  const config = '{}';
  await registry.putBlob('for/eign', config);
  const foreign = {
    ...descriptor('not here', 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip'),
    urls: [`http://${server.host}/v2/never/asked/blobs/x`],
  };
  const manifest = { ...manifestOf(config, []), layers: [foreign] };
  assert.equal((await registry.putManifest('for/eign', 'x', manifest)).status, 201);
  const withoutUrls = { ...manifest, layers: [{ ...foreign, urls: [] }] };
  assert.equal((await registry.putManifest('for/eign', 'y', withoutUrls)).code, 'MANIFEST_BLOB_UNKNOWN');
});

test('documents that are no manifest, or two (CVE-2021-41190)', async () => {
  const config = '{}';
  await registry.putBlob('bad/ones', config);
  const good = manifestOf(config, []);
  const refused: readonly (readonly [string, string, unknown])[] = [
    ['not JSON', OCI_MANIFEST, '{'],
    ['a list', OCI_MANIFEST, []],
    ['null', OCI_MANIFEST, null],
    ['both in one', OCI_MANIFEST, { ...good, manifests: [] }],
    ['an index with layers', OCI_INDEX, { ...indexOf([]), layers: [] }],
    ['announced as another type', OCI_INDEX, good],
    ["announced as Docker's", DOCKER_MANIFEST, good],
    ['an unknown type', 'text/html', { ...good, mediaType: undefined }],
    ['an unknown type of its own', '', { ...good, mediaType: 'text/html' }],
    ['another version', OCI_MANIFEST, { ...good, schemaVersion: 3 }],
    ['no version', OCI_MANIFEST, { ...good, schemaVersion: undefined }],
    ['no configuration', OCI_MANIFEST, { ...good, config: undefined }],
    ['a negative size', OCI_MANIFEST, { ...good, layers: [{ ...good.config, size: -1 }] }],
    [
      'a digest that is a path',
      OCI_MANIFEST,
      { ...good, config: { ...good.config, digest: 'sha256:../../x' } },
    ],
    ['501 layers', OCI_MANIFEST, { ...good, layers: Array.from({ length: 501 }, () => good.config) }],
  ];
  for (const [what, type, document] of refused) {
    const body = typeof document === 'string' ? document : JSON.stringify(document);
    const { status, code } = await registry.call('PUT', '/v2/bad/ones/manifests/x', {
      headers: { 'Content-Type': type },
      body,
    });
    assert.deepEqual([status, code], [400, 'MANIFEST_INVALID'], what);
  }
  const lie = await registry.putManifest('bad/ones', sha256('x'), good);
  assert.deepEqual([lie.status, lie.code], [400, 'DIGEST_INVALID']);
  assert.equal((await registry.call('GET', '/v2/bad/ones/manifests/x')).code, 'MANIFEST_UNKNOWN');
});

test('names and tags that follow no grammar', async () => {
  for (const name of [
    'UPPER',
    'a//b',
    '-a',
    'a-',
    'a/',
    '.',
    '..',
    'a/../b',
    'a b',
    'a%00b',
    `a/${'b'.repeat(255)}`,
    'ü',
  ]) {
    const { status, code } = await registry.call('GET', `/v2/${encodeURI(name)}/tags/list`);
    assert.ok(code === 'NAME_INVALID' || code === 'BAD_REQUEST' || code === 'NOT_FOUND', `${name}: ${code}`);
    assert.ok(status === 400 || status === 404);
  }
  for (const tag of ['.x', '-x', 'a b', 'x'.repeat(129), 'ü', 'a+b']) {
    const { status, code } = await registry.call('GET', `/v2/a/manifests/${encodeURI(tag)}`);
    assert.deepEqual([status, code], [400, 'TAG_INVALID'], tag);
  }
});

test('names may have the words of the protocol in them', async () => {
  for (const name of ['manifests/blobs', 'blobs/uploads/manifests', 'tags/list/referrers', 'v2/v2']) {
    await registry.push(name, 'latest');
    assert.equal((await registry.call('GET', `/v2/${name}/manifests/latest`)).status, 200, name);
    assert.deepEqual((await registry.call('GET', `/v2/${name}/tags/list`)).json(), {
      name,
      tags: ['latest'],
    });
  }
});

test('a manifest of 4 MiB is taken, a larger one is not', async () => {
  const config = '{}';
  await registry.putBlob('lar/ge', config);
  const empty = JSON.stringify({ ...manifestOf(config, []), annotations: { x: '' } });
  const padded = (bytes: number): string =>
    empty.replace('"x":""', `"x":"${'a'.repeat(bytes - Buffer.byteLength(empty))}"`);
  const limit = 4 * 1024 * 1024;
  assert.equal((await registry.putManifest('lar/ge', 'fits', padded(limit))).status, 201);
  const long = await registry.putManifest('lar/ge', 'x', padded(limit + 1));
  assert.deepEqual([long.status, long.code], [413, 'TOO_LARGE']);
  const streamed = await registry.call('PUT', '/v2/lar/ge/manifests/x', {
    headers: { 'Content-Type': OCI_MANIFEST, 'Transfer-Encoding': 'chunked' },
    body: padded(limit + 1),
  });
  assert.deepEqual([streamed.status, streamed.code], [413, 'TOO_LARGE']);
});

test('a client that takes no index gets linux/amd64 by the tag, and the index by its digest', async () => {
  const amd = await registry.push('nego/tiate', 'amd');
  const arm = await registry.push('nego/tiate', 'arm');
  const index = indexOf([
    { manifest: arm.manifest, architecture: 'arm64' },
    { manifest: amd.manifest, architecture: 'amd64' },
  ]);
  const put = await registry.putManifest('nego/tiate', 'all', index);
  const digest = put.headers['docker-content-digest'];
  const get = (name: string, accept: string) =>
    registry.call('GET', `/v2/nego/tiate/manifests/${name}`, { headers: { Accept: accept } });
  const only = `${DOCKER_MANIFEST}, ${OCI_MANIFEST}`;
  assert.equal((await get('all', only)).headers['docker-content-digest'], amd.digest);
  for (const accept of ['*/*', `${only}, ${OCI_INDEX}`, 'application/json', `${only}, */*;q=0.1`]) {
    assert.equal((await get('all', accept)).headers['docker-content-digest'], digest, accept);
  }
  assert.equal((await get(String(digest), only)).headers['docker-content-digest'], digest);
});

test('DELETE: by tag the tag goes, by digest the manifest with its tags', async () => {
  const image = await registry.push('del/eted', 'one');
  await registry.putManifest('del/eted', 'two', image.manifest);
  await registry.putManifest('del/eted', 'three', image.manifest);
  assert.equal((await registry.call('DELETE', '/v2/del/eted/manifests/one')).status, 202);
  assert.equal((await registry.call('GET', '/v2/del/eted/manifests/one')).code, 'MANIFEST_UNKNOWN');
  assert.equal((await registry.call('GET', '/v2/del/eted/manifests/two')).status, 200);
  assert.equal((await registry.call('DELETE', `/v2/del/eted/manifests/${image.digest}`)).status, 202);
  for (const name of ['two', 'three', image.digest]) {
    const { status, code } = await registry.call('GET', `/v2/del/eted/manifests/${name}`);
    assert.deepEqual([status, code], [404, 'MANIFEST_UNKNOWN'], name);
    assert.equal((await registry.call('DELETE', `/v2/del/eted/manifests/${name}`)).code, 'MANIFEST_UNKNOWN');
  }
  const unknown = await registry.call('GET', '/v2/no/such/manifests/latest');
  assert.deepEqual([unknown.status, unknown.code], [404, 'NAME_UNKNOWN']);
});

test('DELETE of a manifest that an index has: IN_USE, so that no index points at nothing', async () => {
  const image = await registry.push('in/use', 'x');
  const index = indexOf([{ manifest: image.manifest, architecture: 'amd64' }]);
  const { headers } = await registry.putManifest('in/use', 'all', index);
  const refused = await registry.call('DELETE', `/v2/in/use/manifests/${image.digest}`);
  assert.deepEqual([refused.status, refused.code], [409, 'IN_USE']);
  assert.equal(
    (await registry.call('DELETE', `/v2/in/use/manifests/${headers['docker-content-digest']}`)).status,
    202,
  );
  assert.equal((await registry.call('DELETE', `/v2/in/use/manifests/${image.digest}`)).status, 202);
});

test('referrers: what is said of a manifest, filtered by type', async () => {
  const image = await registry.push('re/fer', 'x');
  const subject = descriptor(image.manifest, OCI_MANIFEST);
  const path = `/v2/re/fer/referrers/${image.digest}`;
  const none = await registry.call('GET', path);
  assert.deepEqual([none.status, none.headers['content-type']], [200, OCI_INDEX]);
  assert.deepEqual(none.json(), { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });

  const empty = '{}';
  await registry.putBlob('re/fer', empty);
  const note = (artifactType: string | undefined, configType: string, mark: string) => ({
    ...manifestOf(empty, []),
    config: descriptor(empty, configType),
    artifactType,
    subject,
    annotations: { mark },
  });
  const sbom = note('application/sbom', 'application/vnd.oci.empty.v1+json', 'one');
  const signature = note(undefined, 'application/signature', 'two');
  for (const each of [sbom, signature]) {
    const put = await registry.putManifest('re/fer', sha256(JSON.stringify(each)), each);
    assert.deepEqual([put.status, put.headers['oci-subject']], [201, image.digest]);
  }
  const list = (answer: { json(): unknown }) =>
    (
      answer.json() as {
        manifests: { digest: string; artifactType: string; annotations: object; size: number }[];
      }
    ).manifests;
  const all = list(await registry.call('GET', path));
  assert.deepEqual(all.map(each => each.artifactType).toSorted(), [
    'application/sbom',
    'application/signature',
  ]);
  assert.deepEqual(all.find(each => each.artifactType === 'application/sbom')?.annotations, { mark: 'one' });
  const filtered = await registry.call('GET', `${path}?artifactType=application/sbom`);
  assert.equal(filtered.headers['oci-filters-applied'], 'artifactType');
  assert.deepEqual(
    list(filtered).map(each => each.digest),
    [sha256(JSON.stringify(sbom))],
  );
  await registry.call('DELETE', `/v2/re/fer/manifests/${sha256(JSON.stringify(sbom))}`);
  assert.equal(list(await registry.call('GET', path)).length, 1);
});

test('a subject need not be there', async () => {
  const config = '{}';
  await registry.putBlob('sub/ject', config);
  const ghost = descriptor('not there yet', OCI_MANIFEST);
  const { status, headers } = await registry.putManifest('sub/ject', 'x', {
    ...manifestOf(config, []),
    subject: ghost,
  });
  assert.deepEqual([status, headers['oci-subject']], [201, ghost.digest]);
});

test('referrers come in pages when they are many', async () => {
  const image = await registry.push('ma/ny', 'x');
  const subject = descriptor(image.manifest, OCI_MANIFEST);
  const config = '{}';
  await registry.putBlob('ma/ny', config);
  for (let count = 0; count < 5; count += 1) {
    const note = {
      ...manifestOf(config, []),
      subject,
      annotations: { x: String(count).padEnd(1_000_000, 'x') },
    };
    await registry.putManifest('ma/ny', `n${count}`, note);
  }
  const seen: string[] = [];
  let pages = 0;
  for (let path: string | undefined = `/v2/ma/ny/referrers/${image.digest}`; path !== undefined; pages += 1) {
    const answer = await registry.call('GET', path);
    assert.ok(answer.bytes.length < 4 * 1024 * 1024);
    seen.push(...(answer.json() as { manifests: { digest: string }[] }).manifests.map(each => each.digest));
    path = nextOf(answer.headers['link']);
  }
  assert.equal(new Set(seen).size, 5);
  assert.ok(pages > 1);
});

function nextOf(link: string | string[] | undefined): string | undefined {
  return /^<([^>]+)>; rel="next"$/.exec(String(link ?? ''))?.[1];
}

test('tags/list and _catalog come in order and in pages', async () => {
  const image = await registry.push('list/ed', 'b');
  for (const tag of ['a', 'B', 'c', '10', '9']) await registry.putManifest('list/ed', tag, image.manifest);
  const list = async (query: string) => {
    const answer = await registry.call('GET', `/v2/list/ed/tags/list${query}`);
    return { tags: (answer.json() as { tags: string[] }).tags, next: nextOf(answer.headers['link']) };
  };
  const order = ['10', '9', 'a', 'B', 'b', 'c'];
  assert.deepEqual(await list(''), { tags: order, next: undefined });
  const seen: string[] = [];
  for (let query: string | undefined = '?n=2'; query !== undefined; ) {
    const { tags, next } = await list(query);
    assert.ok(tags.length <= 2);
    seen.push(...tags);
    query = next?.slice('/v2/list/ed/tags/list'.length);
  }
  assert.deepEqual(seen, order);
  assert.deepEqual((await list('?last=aa')).tags, ['B', 'b', 'c']);
  assert.deepEqual(await list('?n=0'), { tags: [], next: undefined });
  for (const n of ['-1', 'x', '1.5', '9'.repeat(20)]) {
    const { status, code } = await registry.call('GET', `/v2/list/ed/tags/list?n=${n}`);
    assert.deepEqual([status, code], [400, 'PAGINATION_NUMBER_INVALID'], n);
  }
  assert.equal((await registry.call('GET', '/v2/no/such/tags/list')).code, 'NAME_UNKNOWN');

  const names: string[] = [];
  for (let path: string | undefined = '/v2/_catalog?n=7'; path !== undefined; ) {
    const answer = await registry.call('GET', path);
    names.push(...(answer.json() as { repositories: string[] }).repositories);
    path = nextOf(answer.headers['link']);
  }
  assert.deepEqual(
    names,
    server.registry.catalog.list().map(({ name }) => name),
  );
  assert.ok(names.includes('list/ed'));
});

test('methods that mean nothing: 405 with what does; paths that mean nothing: 404', async () => {
  const cases = [
    ['PATCH', '/v2/a/manifests/x', 'GET, PUT, DELETE, HEAD'],
    ['POST', '/v2/a/blobs/x', 'GET, DELETE, HEAD'],
    ['GET', '/v2/a/blobs/uploads/', 'POST'],
    ['POST', '/v2/a/tags/list', 'GET, HEAD'],
  ] as const;
  for (const [method, path, allow] of cases) {
    const { status, code, headers } = await registry.call(method, path);
    assert.deepEqual([status, code, headers.allow], [405, 'UNSUPPORTED', allow], path);
  }
  for (const path of ['/', '/v1/', '/v2/x', '/v2/x/y', '/v2x', '/v2//']) {
    const { status, code } = await registry.call('GET', path);
    assert.deepEqual([status, code], [404, 'NOT_FOUND'], path);
  }
  assert.equal((await registry.call('OPTIONS', '/v2/')).status, 405);
});

test('sizes of repositories count each blob once, and go down again', async () => {
  const layer = randomBytes(10_000);
  const image = await registry.push('siz/es', 'one', layer);
  const config = Buffer.byteLength(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { diff_ids: [] } }),
  );
  const size = () => server.registry.catalog.find('siz/es')?.sizeBytes;
  assert.equal(size(), 10_000 + config);
  assert.equal(server.registry.catalog.tags('siz/es')[0]?.sizeBytes, 10_000 + config);
  const other = await registry.push('siz/es', 'two', randomBytes(500));
  assert.equal(size(), 10_500 + config);
  await registry.call('DELETE', `/v2/siz/es/manifests/${image.digest}`);
  assert.equal(size(), 500 + config);
  await registry.call('DELETE', `/v2/siz/es/manifests/${other.digest}`);
  assert.equal(size(), 0);
});
