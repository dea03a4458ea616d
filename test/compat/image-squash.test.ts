import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busyboxEntries } from '../support/busybox-image.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();

const ok = (...words: string[]): Promise<string> => engine.daemon.ok('quai', words);

test('quai image squash makes one layer of an image, which runs with the same files and configuration', {
  skip,
}, async () => {
  await loadImage(engine, {
    tags: ['layered:1'],
    config: { Cmd: ['cat', '/data'], Env: ['PATH=/bin', 'A=1'] },
    extra: [{ path: 'data', content: 'same' }],
  });
  await loadImage(engine, { tags: ['other:1'], extra: [{ path: 'more', content: 'other' }] });
  const inspect = async (format: string, name: string): Promise<string> =>
    await engine.ok('image', 'inspect', '-f', format, name);
  assert.equal(await inspect('{{len .RootFS.Layers}}', 'layered:1'), '2');

  const text = await ok('image', 'squash', '-t', 'layered:flat', 'layered:1');
  assert.match(
    text,
    /^layer: Merging\nlayer: Storing\nlayer: Stored\nsha256:[0-9a-f]{64}\nSquashed 2 layers: \S+ became \S+/,
  );
  assert.match(text, /\nNot shared with other images any more: \S+B$/);
  assert.equal(await inspect('{{len .RootFS.Layers}}', 'layered:flat'), '1');
  assert.equal(
    await inspect('{{json .Config}}', 'layered:flat'),
    await inspect('{{json .Config}}', 'layered:1'),
  );
  const list = ['find', '/bin', '/data', '/etc', '-xdev', '-exec', 'stat', '-c', '%n %a %u %s %Y', '{}', ';'];
  const files = async (name: string): Promise<string[]> =>
    (await engine.ok('run', '--rm', '--network', 'none', name, ...list))
      .split('\n')
      .filter(line => !/^\/etc( |\/(hosts|hostname|resolv.conf|mtab))/.test(line))
      .toSorted();
  assert.deepEqual(await files('layered:flat'), await files('layered:1'));
  await engine.ok('rmi', 'layered:1');
  assert.equal(await engine.ok('run', '--rm', 'layered:flat'), 'same');
  assert.match(await engine.ok('history', 'layered:flat'), /squashed 2 layers of/);

  const refused = await engine.daemon.quai(['image', 'squash', 'layered:flat']);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /nothing to squash/);
  // it is saved as others are
  assert.ok((await engine.docker(['save', 'layered:flat'])).stdout.length > 100_000);
  await engine.ok('rmi', 'layered:flat', 'other:1');
});

test('what quai image squash --from made of a pulled image is pushed with its kept layer, pulled and run', {
  skip: skip || cannotRunRegistry,
}, async () => {
  await using registry = await TestRegistry.start();
  const name = `${registry.host}/team/app`;
  const layers = [
    await busyboxEntries(),
    [{ path: 'one', content: 'one' }],
    [
      { path: '.wh.one', content: '' },
      { path: 'two', content: 'two' },
    ],
  ];
  const config = { Cmd: ['ls', '/'], Env: ['PATH=/bin'] };
  const { layers: blobs } = await publish(registry.host, 'team/app', '1', [{ layers, config }]);
  await engine.ok('pull', `${name}:1`);
  await ok('image', 'tidy');
  assert.match(
    await ok('image', 'squash', '-q', '--from', '1', '-t', `${name}:2`, `${name}:1`),
    /^sha256:[0-9a-f]{64}$/,
  );
  await engine.ok('rmi', `${name}:1`);
  await engine.ok('push', `${name}:2`);
  await engine.ok('rmi', `${name}:2`);
  await engine.ok('pull', `${name}:2`);
  const manifest = JSON.parse(await ok('manifest', 'inspect', `${name}:2`)) as {
    layers: { digest: string }[];
  };
  assert.deepEqual([manifest.layers.length, manifest.layers[0]?.digest], [2, blobs[0]?.digest]);
  const files = (await engine.run(`${name}:2`)).split('\n');
  assert.deepEqual([files.includes('one'), files.includes('two')], [false, true]);
  await engine.ok('rmi', `${name}:2`);
});
