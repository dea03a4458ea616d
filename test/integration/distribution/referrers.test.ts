import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { type Digest, digestOf } from '#base/ids';
import type { Repository } from '#distribution/repository';
import { artifact } from '../../support/attested-image.ts';
import { descriptor } from '../../support/image-archive.ts';
import { publish } from '../../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = cannotRunRegistry;
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

async function refer(
  repository: Repository,
  subject: Digest,
  type: string,
  content: string,
): Promise<Digest> {
  const blob = Buffer.from(content);
  for (const bytes of [blob, Buffer.from('{}')]) {
    await repository.upload({ ...descriptor(type, bytes), mediaType: type }, at =>
      Readable.from([bytes.subarray(at)]),
    );
  }
  const bytes = artifact({ digest: subject, size: 1 }, type, blob);
  return await repository.putManifest(digestOf(bytes), MANIFEST, bytes);
}

test('what refers to an image is listed under a tag where the registry keeps no lists, also when several push at a time', {
  skip,
}, async () => {
  await using registry = await TestRegistry.start();
  using fixture = new ClientFixture();
  const { digest } = await publish(registry.host, 'team/app', '1', [
    { layers: [[{ path: 'f', content: 'x' }]] },
  ]);
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app:1'));
  assert.deepEqual(await repository.referrers(digest), []);

  const types = ['a', 'b', 'c', 'd', 'e', 'f'].map(letter => `application/x-${letter}`);
  const pushed = await Promise.all(types.map(type => refer(repository, digest, type, type)));
  await refer(repository, digest, 'application/x-a', 'application/x-a'); // the same again

  const listed = await repository.referrers(digest);
  assert.deepEqual(listed.map(one => one.digest).toSorted(), pushed.toSorted());
  assert.deepEqual(listed.map(one => one.artifactType).toSorted(), types);
  assert.equal(listed[0]?.annotations['org.opencontainers.image.created'], '2026-01-02T03:04:05Z');
  const one = await repository.referrers(digest, { artifactType: 'application/x-c' });
  assert.deepEqual(
    one.map(({ artifactType }) => artifactType),
    ['application/x-c'],
  );
  const tag = await repository.manifest(digest.replace(':', '-'));
  assert.equal(tag.descriptor.mediaType, INDEX, 'as other clients look for it');
});

test('a tag that is no list of referrers stays as it is, and the push says so', { skip }, async () => {
  await using registry = await TestRegistry.start();
  using fixture = new ClientFixture();
  const image = { layers: [[{ path: 'f', content: 'x' }]] };
  const { digest } = await publish(registry.host, 'team/app', '1', [image]);
  const tag = digest.replace(':', '-');
  await publish(registry.host, 'team/app', tag, [image]);
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app:1'));
  await assert.rejects(refer(repository, digest, 'application/x', 'x'), {
    kind: 'conflict',
    message: /is there, but not in the list of what refers to sha256:.* stands for something else/,
  });
  assert.equal((await repository.resolve(tag)).digest, digest);
});

test('copy() takes along what refers to an image, and what refers to that', { skip }, async () => {
  await using here = await TestRegistry.start();
  await using there = await TestRegistry.start();
  using fixture = new ClientFixture();
  const { digest } = await publish(here.host, 'team/app', '1', [{ layers: [[{ path: 'f', content: 'x' }]] }]);
  const from = fixture.reference(here.host, 'team/app:1');
  const to = fixture.reference(there.host, 'mirror/app:1');
  const source = fixture.client.repository(from);
  const bill = await refer(source, digest, 'application/spdx+json', '{"spdxVersion":"x"}');
  const signature = await refer(source, bill, 'application/x-signature', 'signed');
  await publish(here.host, 'team/app', `${digest.replace(':', '-')}.sig`, [{ layers: [[{ path: 's' }]] }]);

  await fixture.client.copy({ reference: from }, { reference: to });
  const copied = fixture.client.repository(to);
  assert.deepEqual(await copied.referrers(digest), [], 'only when asked for');
  await fixture.client.copy({ reference: from }, { reference: to }, { withReferrers: true });
  assert.deepEqual(
    (await copied.referrers(digest)).map(one => one.digest),
    [bill],
  );
  assert.deepEqual(
    (await copied.referrers(bill)).map(one => one.digest),
    [signature],
  );
  await copied.resolve(`${digest.replace(':', '-')}.sig`);
});

/** A registry that lists referrers itself: page by page, whatever kind is asked for. */
class ListingRegistry implements AsyncDisposable {
  readonly seen: string[] = [];
  readonly entries: object[] = [];
  answer: { readonly status: number; readonly body: string } | undefined;
  readonly #server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    this.seen.push(`${request.method} ${url.pathname}`);
    request.resume();
    if (request.method === 'PUT') {
      response.writeHead(201, { 'oci-subject': digestOf('image') }).end();
    } else if (url.pathname.includes('/referrers/')) {
      const from = Number(url.searchParams.get('from') ?? 0);
      const next =
        from + 2 < this.entries.length ? `<${url.pathname}?from=${from + 2}>; rel="next"` : undefined;
      const manifests = this.entries.slice(from, from + 2);
      const { status, body } = this.answer ?? {
        status: 200,
        body: JSON.stringify({ mediaType: INDEX, manifests }),
      };
      response.writeHead(status, { 'content-type': INDEX, ...(next ? { link: next } : {}) }).end(body);
    } else response.writeHead(url.pathname === '/v2/' ? 200 : 404).end('{}');
  });

  static async start(): Promise<ListingRegistry> {
    const registry = new ListingRegistry();
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  get host(): string {
    const address = this.#server.address();
    assert.ok(typeof address === 'object' && address !== null);
    return `127.0.0.1:${address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

test('a registry that keeps lists is asked for them, and no tag is written there', async () => {
  await using registry = await ListingRegistry.start();
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app:1'));
  const subject = digestOf('image');
  const entry = (name: string) => ({
    ...descriptor(MANIFEST, Buffer.from(name)),
    artifactType: `application/${name}`,
  });
  registry.entries.push(entry('a'), entry('b'), entry('c'), entry('a'));

  const names = (await repository.referrers(subject)).map(one => one.artifactType);
  assert.deepEqual(names, ['application/a', 'application/b', 'application/c'], 'all pages, each once');
  const one = await repository.referrers(subject, { artifactType: 'application/b' });
  assert.deepEqual(
    one.map(({ artifactType }) => artifactType),
    ['application/b'],
    'though the registry does not filter',
  );

  registry.seen.length = 0;
  const bytes = artifact({ digest: subject, size: 1 }, 'application/x', Buffer.from('x'));
  await repository.putManifest(digestOf(bytes), MANIFEST, bytes);
  assert.deepEqual(registry.seen, [`PUT /v2/team/app/manifests/${digestOf(bytes)}`]);
});

test('lists of referrers that are none are not believed, and end', async () => {
  await using registry = await ListingRegistry.start();
  using fixture = new ClientFixture();
  const repository = fixture.client.repository(fixture.reference(registry.host, 'team/app:1'));
  for (const body of [
    '[]',
    '{"manifests":{}}',
    '{"manifests":[{"digest":"../x","size":1}]}',
    '{"manifests":[{"digest":1}]}',
  ]) {
    registry.answer = { status: 200, body };
    assert.deepEqual(await repository.referrers(digestOf('image')), [], body);
  }
  registry.answer = { status: 200, body: 'no JSON' };
  assert.deepEqual(
    await repository.referrers(digestOf('image')),
    [],
    'the tag is looked for, which is not there',
  );
  registry.answer = { status: 200, body: `{"manifests":[${'['.repeat(9 * 1024 * 1024)}` };
  await assert.rejects(repository.referrers(digestOf('image')), /larger than/);
});
