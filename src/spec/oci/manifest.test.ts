import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainIds } from './chain-id.ts';
import { parseCreated, parseImageConfig } from './image-config.ts';
import { isLayerType, MEDIA_TYPES, parseManifest } from './manifest.ts';

const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const DESCRIPTOR = { mediaType: 'x', digest: DIGEST, size: 3 };
const MANIFEST = {
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociManifest,
  config: DESCRIPTOR,
  layers: [DESCRIPTOR],
};
const INDEX = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [DESCRIPTOR] };

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const without = (value: object, key: string): object =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));

test('parseManifest() tells manifests and indexes apart', () => {
  assert.equal(parseManifest(bytes(MANIFEST), MEDIA_TYPES.ociManifest, 'x').kind, 'manifest');
  assert.equal(parseManifest(bytes(INDEX), MEDIA_TYPES.ociIndex, 'x').kind, 'index');
  assert.equal(
    parseManifest(bytes(without(MANIFEST, 'mediaType')), MEDIA_TYPES.dockerManifest, 'x').kind,
    'manifest',
  );
  assert.equal(parseManifest(bytes(without(INDEX, 'mediaType')), '', 'x').kind, 'index');
  assert.equal(parseManifest(bytes({ ...MANIFEST, layers: null }), '', 'x').kind, 'manifest');
});

const REFUSED: readonly (readonly [string, unknown, string, RegExp])[] = [
  // CVE-2021-41190
  ['a manifest with manifests', { ...MANIFEST, manifests: [] }, '', /ambiguous/],
  ['an index with layers', { ...INDEX, layers: [] }, '', /ambiguous/],
  ['an index with a configuration', { ...INDEX, config: DESCRIPTOR }, '', /ambiguous/],
  [
    'both without a media type',
    { ...without(MANIFEST, 'mediaType'), manifests: [DESCRIPTOR] },
    '',
    /ambiguous/,
  ],
  ['a manifest announced as an index', MANIFEST, MEDIA_TYPES.ociIndex, /announced as/],
  ['an index announced as a manifest', without(INDEX, 'mediaType'), MEDIA_TYPES.ociManifest, /ambiguous/],
  ['an unknown media type', { ...MANIFEST, mediaType: 'text/plain' }, '', /unsupported media type/],
  [
    'a digest of another algorithm',
    { ...MANIFEST, config: { ...DESCRIPTOR, digest: 'md5:aa' } },
    '',
    /config\.digest/,
  ],
  [
    'a digest that is a path',
    { ...MANIFEST, config: { ...DESCRIPTOR, digest: 'sha256:../../x' } },
    '',
    /config\.digest/,
  ],
  ['a negative size', { ...MANIFEST, layers: [{ ...DESCRIPTOR, size: -1 }] }, '', /layers\.0\.size/],
  ['too many layers', { ...MANIFEST, layers: Array.from({ length: 501 }, () => DESCRIPTOR) }, '', /layers/],
  ['a list', [], '', /expected an object/],
  ['null', null, '', /invalid/],
];

for (const [what, value, type, message] of REFUSED) {
  test(`parseManifest() refuses ${what}`, () => {
    assert.throws(() => parseManifest(bytes(value), type, 'x'), { kind: 'invalid', message });
  });
}

test('parseManifest() refuses what is not JSON, or huge', () => {
  assert.throws(() => parseManifest(Buffer.from('{'), '', 'x'), {
    kind: 'invalid',
    message: 'x is not JSON',
  });
  assert.throws(() => parseManifest(Buffer.alloc(4 * 1024 * 1024 + 1, ' '), '', 'x'), {
    kind: 'invalid',
    message: /larger/,
  });
});

test('isLayerType() knows layers from artifacts', () => {
  for (const type of [
    'application/vnd.oci.image.layer.v1.tar+zstd',
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
  ]) {
    assert.ok(isLayerType(type));
  }
  assert.ok(!isLayerType('application/vnd.in-toto+json'));
});

test('parseImageConfig() applies the defaults, and takes null for absent', () => {
  const config = parseImageConfig(
    bytes({ os: 'linux', config: null, history: null, rootfs: { diff_ids: null } }),
  );
  assert.deepEqual(config.config.Env, []);
  assert.equal(config.config.Cmd, undefined);
  assert.deepEqual([config.rootfs.diff_ids, config.history], [[], []]);
  assert.throws(() => parseImageConfig(bytes({ rootfs: { diff_ids: ['x'] } })), {
    message: /rootfs\.diff_ids\.0/,
  });
  assert.throws(() => parseImageConfig(bytes({ config: { Env: 'A=1' } })), { message: /config\.Env/ });
});

test('parseCreated() gives milliseconds, and nothing for the zero time', () => {
  assert.equal(parseCreated('2026-01-02T03:04:05.678901234Z'), Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  assert.equal(parseCreated('1970-01-01T00:00:00Z'), 0);
  assert.equal(parseCreated('0001-01-01T00:00:00Z'), undefined);
  assert.equal(parseCreated('yesterday'), undefined);
});

test('chainIds() follows the specification', () => {
  const [one, two] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`] as const;
  const chain = chainIds([one, two]);
  assert.equal(chain[0], one);
  // echo -n "sha256:111… sha256:222…" | sha256sum
  assert.equal(chain[1], 'sha256:9932074217c35353d2e03a3f5a86549f7c67bfeb0ba53e23d69f4d4c8f7958f5');
  assert.deepEqual(chainIds([]), []);
});
