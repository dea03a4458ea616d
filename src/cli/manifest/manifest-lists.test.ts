import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseReference } from '#spec/reference';
import { listDocument } from './image-manifest.ts';
import { isKnownPlatform } from './known-platform.ts';
import { ManifestLists } from './manifest-lists.ts';

const LIST = parseReference('registry.test:5000/team/app:all');

test('lists are kept by files that hold one image each, named as Docker names them', t => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-lists-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const lists = new ManifestLists({ env: {}, configFlag: folder });
  assert.deepEqual(lists.images(LIST), []);
  assert.equal(lists.remove(LIST), false);
  const image = { Ref: 'docker.io/library/a_b:1', Descriptor: {}, Raw: '' };
  lists.save(LIST, parseReference('a_b:1'), image);
  assert.deepEqual(readdirSync(join(folder, 'manifests')), ['registry.test-5000_team_app-all']);
  const own = join(folder, 'manifests', 'registry.test-5000_team_app-all');
  assert.deepEqual(readdirSync(own), ['docker.io_library_a_b-1']);
  assert.deepEqual(lists.find(LIST, parseReference('a_b:1')), image);
  assert.equal(lists.find(LIST, parseReference('library/a/b:1')), undefined);
  writeFileSync(join(own, '.4711.tmp'), 'half'); // of a command that was killed
  assert.deepEqual(lists.images(LIST), [image]);
  assert.equal(lists.remove(LIST), true);
  assert.deepEqual(readdirSync(join(folder, 'manifests')), []);
});

for (const [what, text] of [
  ['is no JSON', '{'],
  ['is no object', '[]'],
] as const) {
  test(`a file of a list that ${what} is named`, t => {
    const folder = mkdtempSync(join(tmpdir(), 'quai-lists-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const lists = new ManifestLists({ env: {}, configFlag: folder });
    lists.save(LIST, parseReference('a:1'), { Ref: 'docker.io/library/a:1' });
    const file = join(folder, 'manifests', 'registry.test-5000_team_app-all', 'docker.io_library_a-1');
    writeFileSync(file, text);
    assert.throws(
      () => lists.images(LIST),
      (error: unknown) => error instanceof Error && error.message.startsWith(`cannot read ${file}: `),
    );
  });
}

test('the kind of a list is that of its first image', () => {
  const of = (mediaType: string): string =>
    listDocument([{ Descriptor: { mediaType, digest: 'sha256:x', size: 1 } }]).mediaType;
  assert.match(of('application/vnd.oci.image.manifest.v1+json'), /oci\.image\.index/);
  assert.match(of('application/vnd.docker.distribution.manifest.v2+json'), /manifest\.list/);
});

test('platforms nobody builds for are told from those that are', () => {
  assert.ok(isKnownPlatform('linux', 'riscv64'));
  assert.ok(!isKnownPlatform('linux', 'nonsense'));
  assert.ok(!isKnownPlatform('constructor', 'length'));
});
