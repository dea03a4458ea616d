import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { artifact, publishAttested, statementAbout } from '../../support/attested-image.ts';
import { cannotRunDaemon, startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { descriptor, layoutTar, sha256 } from '../../support/image-archive.ts';
import type { ProgramResult } from '../../support/programs.ts';
import { publish, putBlob, putManifest } from '../../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';

const skip = cannotRunDaemon || cannotRunRegistry;
const LAYERS = [[{ path: 'f', content: 'x' }]];
const PROVENANCE = 'https://slsa.dev/provenance/v1';
const SPDX = 'https://spdx.dev/Document';
let registry: TestRegistry;
let daemon: TestDaemon;

before(async () => {
  if (skip) return;
  registry = await TestRegistry.start();
  daemon = await startDaemon();
});

after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

interface Wire {
  readonly PredicateType: string;
  readonly Problem?: string;
  readonly IsAboutIt?: boolean;
  readonly Form?: string;
  readonly Raw?: string;
}

async function atRegistry(name: string, query = ''): Promise<readonly Wire[]> {
  const path = `/quai/registry/attestations?name=${encodeURIComponent(`${registry.host}/${name}`)}${query}`;
  const { status, body } = await daemon.call('GET', path);
  assert.equal(status, 200, JSON.stringify(body));
  return (body as { Attestations: readonly Wire[] }).Attestations;
}

async function quai(...words: string[]): Promise<ProgramResult> {
  return await daemon.quai(words, { env: { HOME: daemon.folder, DOCKER_CONFIG: '' } });
}

async function pulled(name: string): Promise<void> {
  const { code, stderr } = await quai('pull', '-q', `${registry.host}/${name}`);
  assert.equal(code, 0, stderr);
}

test('GET /images/{name}/attestations: what BuildKit says of the image, its statements byte for byte', {
  skip,
}, async () => {
  const { statements } = await publishAttested(registry.host, 'team/app', '1', { layers: LAYERS });
  await pulled('team/app:1');
  const path = `/v1.55/images/${encodeURIComponent(`${registry.host}/team/app:1`)}/attestations`;
  const read = async (query: string) => (await daemon.call('GET', path + query)).body as Wire[];

  const found = await read('');
  assert.deepEqual(
    found.map(one => one.PredicateType),
    [PROVENANCE, SPDX],
  );
  assert.ok(found.every(one => !('Statement' in one)));
  assert.deepEqual(
    (await read(`?type=${SPDX}`)).map(one => one.PredicateType),
    [SPDX],
  );
  const { response } = await daemon.stream('GET', `${path}?statement=1`);
  const answer = await text(response);
  for (const statement of statements) assert.ok(answer.includes(statement.toString()), 'not written anew');
  const platform = encodeURIComponent('{"os":"linux","architecture":"s390x"}');
  assert.equal((await daemon.call('GET', `${path}?platform=${platform}`)).status, 404);
  assert.equal((await daemon.call('GET', `${path}?platform=${platform}&platform=${platform}`)).status, 400);
  assert.equal((await daemon.call('GET', '/v1.55/images/nothing/attestations')).status, 404);
});

test('attestations of images that have none are an empty list', { skip }, async () => {
  await publish(registry.host, 'team/bare', '1', [{ layers: LAYERS }]);
  await pulled('team/bare:1');
  const path = `/images/${encodeURIComponent(`${registry.host}/team/bare:1`)}/attestations`;
  assert.deepEqual((await daemon.call('GET', path)).body, []);
  assert.deepEqual(await atRegistry('team/bare:1'), []);
});

test('attestations that came in an archive are read here; after a pull it takes the registry', {
  skip,
}, async () => {
  const path = (name: string) => `/images/${encodeURIComponent(name)}/attestations?statement=1`;
  let host = '';
  let archive: Buffer;
  {
    await using other = await TestRegistry.start();
    host = other.host;
    const { blobs, digest } = await publishAttested(host, 'team/gone', '1', { layers: LAYERS });
    assert.equal((await quai('pull', '-q', `${host}/team/gone:1`)).code, 0);
    const index = blobs.get(digest) ?? assert.fail('it holds itself');
    const annotations = { 'io.containerd.image.name': 'example.com/loaded:1' };
    const top = { ...descriptor('application/vnd.oci.image.index.v1+json', index), annotations };
    archive = layoutTar(blobs, { schemaVersion: 2, manifests: [top] });
  }
  const gone = await daemon.call('GET', path(`${host}/team/gone:1`));
  assert.equal(gone.status, 503, 'what cannot be read is not said to be nothing');
  assert.equal((await daemon.call('POST', '/images/load?quiet=1', archive)).status, 200);
  const loaded = await daemon.call('GET', path('example.com/loaded:1'));
  assert.deepEqual(
    (loaded.body as Wire[]).map(one => one.PredicateType),
    [PROVENANCE, SPDX],
  );
  const local = await quai(
    'image',
    'attestations',
    '--local',
    '--statement',
    '--type',
    SPDX,
    'example.com/loaded:1',
  );
  assert.equal(local.code, 0, local.stderr);
  assert.match(local.stdout, /"exact": 12345678901234567890/);
});

test('what refers to an image at its registry counts as well: bills of materials, signed statements, cosign’s tag', {
  skip,
}, async () => {
  const { digest } = await publish(registry.host, 'team/signed', '1', [{ layers: LAYERS }]);
  const put = async (name: string, type: string, blob: Buffer): Promise<void> => {
    for (const bytes of [blob, Buffer.from('{}')]) await putBlob(registry.host, 'team/signed', bytes);
    const manifest = artifact({ digest, size: 1 }, type, blob);
    await putManifest(registry.host, 'team/signed', name || sha256(manifest), manifest);
    listed.push({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: sha256(manifest),
      size: manifest.length,
    });
  };
  const listed: object[] = [];
  const payload = statementAbout(digest, 'https://example.com/test/v1').toString('base64');
  const envelope = { payloadType: 'application/vnd.in-toto+json', payload, signatures: [{ sig: 'eA==' }] };
  await put('', 'application/vnd.cyclonedx+json', Buffer.from('{"bomFormat":"CycloneDX"}'));
  await put(
    '',
    'application/vnd.dev.sigstore.bundle.v0.3+json',
    Buffer.from(JSON.stringify({ dsseEnvelope: envelope })),
  );
  const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: listed };
  await putManifest(
    registry.host,
    'team/signed',
    digest.replace(':', '-'),
    Buffer.from(JSON.stringify(index)),
  );
  await put(
    `${digest.replace(':', '-')}.att`,
    'application/vnd.dsse.envelope.v1+json',
    Buffer.from(JSON.stringify(envelope)),
  );

  const found = await atRegistry('team/signed:1', '&statement=1');
  assert.deepEqual(
    found.map(one => [one.PredicateType, one.Form, one.IsAboutIt]),
    [
      ['https://cyclonedx.org/bom', 'document', undefined],
      ['https://example.com/test/v1', 'bundle', true],
      ['https://example.com/test/v1', 'dsse', true],
    ],
  );
  const { stdout } = await quai('image', 'referrers', `${registry.host}/team/signed:1`);
  assert.match(stdout, /^DIGEST +ARTIFACT TYPE +SIZE\nsha256:[0-9a-f]{64} /);
  const types = await quai('image', 'referrers', '--format', '{{.Size}}', `${registry.host}/team/signed:1`);
  assert.equal(types.stdout.trimEnd().split('\n').length, 2);
});

test('quai image attestations shows kinds, and statements as they are', { skip }, async () => {
  const { statements } = await publishAttested(registry.host, 'team/shown', '1', { layers: LAYERS });
  const name = `${registry.host}/team/shown:1`;
  const table = await quai('image', 'attestations', name);
  assert.equal(table.code, 0, table.stderr);
  assert.match(
    table.stdout,
    /^DIGEST +PREDICATE TYPE +ABOUT +SIZE\n[0-9a-f]{12} +https:\/\/slsa.dev\/provenance\/v1 /,
  );
  const one = await quai('image', 'attestations', '--statement', '--type', SPDX, name);
  assert.deepEqual(JSON.parse(one.stdout), JSON.parse(String(statements[1])));
  assert.match(one.stdout, /"exact": 12345678901234567890/, 'digits are not lost');
  assert.equal(one.stderr, '');
});

test('statements that lie, are none, or are too large are told, and hide nothing else', {
  skip,
}, async () => {
  const other = `sha256:${'0'.repeat(64)}`;
  await publishAttested(registry.host, 'team/liar', '1', {
    layers: LAYERS,
    statements: image => [
      statementAbout(other, PROVENANCE),
      Buffer.from('{"predicateType":'),
      Buffer.from(`{"predicateType":"${SPDX}","predicate":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
      Buffer.from(`{"predicateType":"${SPDX}","predicate":"${'x'.repeat(9 * 1024 * 1024)}"}`),
      Buffer.from('{"predicateType":"https://evil\\u001b[2J","predicate":"\u009b2J\u202e"}'),
      statementAbout(image, PROVENANCE),
    ],
    annotate: bytes => (bytes.includes('https://evil') ? { 'in-toto.io/predicate-type': SPDX } : {}),
  });
  const found = await atRegistry('team/liar:1', '&statement=1');
  assert.deepEqual(
    found.map(one => one.Problem?.replace(/sha256:\w+/, 'X') ?? one.IsAboutIt ?? 'read'),
    [
      false,
      'blob X is not JSON',
      'read',
      'blob X is larger than 8388608 bytes',
      `announced as ${SPDX}, but it is https://evil\u001b[2J`,
      true,
    ],
  );
  const { code, stdout, stderr } = await quai(
    'image',
    'attestations',
    '--statement',
    `${registry.host}/team/liar:1`,
  );
  assert.equal(code, 1, 'not all could be shown');
  assert.match(stderr, /WARNING: sha256:\w+ is attached to sha256:\w+, but does not name it as its subject/);
  assert.match(stderr, /announced as .* https:\/\/evil\\u001b\[2J/);
  assert.doesNotMatch(stdout + stderr, /(?!\n)[\p{Cc}\u202e]/u);
});

test('quai image attach keeps a file beside an image, and says what is none', { skip }, async () => {
  const { digest } = await publish(registry.host, 'team/attached', '1', [{ layers: LAYERS }]);
  const name = `${registry.host}/team/attached:1`;
  const attach = (input: string | Buffer, ...words: string[]) =>
    daemon.quai(['image', 'attach', ...words, name, '-'], {
      env: { HOME: daemon.folder, DOCKER_CONFIG: '' },
      input,
    });
  const statement = statementAbout(digest, 'https://example.com/review/v1');
  for (const input of [statement, '{"spdxVersion":"SPDX-2.3"}']) {
    const { code, stdout, stderr } = await attach(input);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^sha256:[0-9a-f]{64}\n$/);
  }
  const plain = await attach('any bytes', '--artifact-type', 'text/plain', '--annotation', 'by=ann=me');
  assert.equal(plain.code, 0, plain.stderr);
  assert.deepEqual(
    (await atRegistry('team/attached:1')).map(one => one.PredicateType),
    ['https://example.com/review/v1', SPDX],
  );
  const format = ['--format', '{{.ArtifactType}} {{.Annotations}}'];
  const listed = await quai('image', 'referrers', ...format, name);
  assert.equal(
    listed.stdout,
    'application/vnd.in-toto+json \napplication/spdx+json \ntext/plain by=ann=me\n',
  );
  const shown = await quai(
    'image',
    'attestations',
    '--statement',
    '--type',
    'https://example.com/review/v1',
    name,
  );
  assert.deepEqual(JSON.parse(shown.stdout), JSON.parse(statement.toString()));

  for (const [input, words, message] of [
    ['any bytes', [], /what is attached is not JSON/],
    ['{}', ['--artifact-type', 'application/vnd.in-toto+json'], /has no predicateType/],
    ['x', ['--artifact-type', 'nothing'], /"nothing" is no media type/],
    ['x', ['--artifact-type', 'text/x', '--annotation', '=x'], /"=x" is no annotation/],
    [Buffer.alloc(9 * 1024 * 1024), ['--artifact-type', 'text/x'], /larger than 8388608 bytes/],
  ] as const) {
    const { code, stderr } = await attach(input, ...words);
    assert.equal(code, 1, stderr);
    assert.match(stderr, message);
  }
});
