import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tarOf } from '../support/image-archive.ts';
import { runProgram } from '../support/programs.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry } from '../support/registry.ts';
import { skip as cannotRun, compatEngine } from './compat-engine.ts';
import { compatRegistry } from './compat-registry.ts';

const skip = cannotRun || cannotRunRegistry;
const registry = compatRegistry(skip);
const engine = compatEngine();

async function quai(...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await engine.daemon.quai(words);
  assert.equal(code, 0, `quai ${words.join(' ')}: ${stderr}${stdout}`);
  return { stdout, stderr };
}

test('an imported image has a manifest in the tree, with its size, and answers to its ID', {
  skip,
}, async () => {
  const root = tarOf([
    { path: 'etc/', type: 'directory' },
    { path: 'etc/big', content: Buffer.alloc(3_000_000, 'x') },
  ]);
  const imported = await engine.docker(['import', '-', 'imported:1'], { input: root });
  assert.equal(imported.code, 0, imported.stderr);
  for (const tree of [await engine.ok('images', '--tree'), (await quai('images', '--tree')).stdout]) {
    const lines = tree.split('\n');
    const at = lines.findIndex(line => line.startsWith('imported:1'));
    assert.match(lines[at] ?? '', /  6MB +3MB/, tree);
    const [, manifest] = /└─ linux\/\w+ +([0-9a-f]{12}) +6MB +3MB/.exec(lines[at + 1] ?? '') ?? [];
    assert.ok(manifest, tree);
    const found = (await engine.daemon.call('GET', '/v1.48/images/json?manifests=1')).body as {
      readonly RepoTags: readonly string[];
      readonly Id: string;
      readonly Manifests: readonly { readonly ID: string }[];
    }[];
    const image = found.find(({ RepoTags }) => RepoTags.includes('imported:1'));
    const digest = image?.Manifests[0]?.ID ?? '';
    assert.ok(digest.includes(manifest));
    assert.equal(await engine.inspect(digest, '{{.Id}}'), image?.Id);
  }
  await engine.ok('rmi', 'imported:1');
});

test('docker system df counts compressed layers that are kept, and quai says how much that is', {
  skip,
}, async () => {
  const words = Array.from({ length: 300_000 }, (_, nth) => `line ${nth * 7919}`).join('\n');
  const layers = [[{ path: 'words', content: words }]];
  await publish(registry.host, 'kept', '1', [{ layers, config: { Cmd: ['sh'] } }]);
  const size = async (): Promise<number> => {
    const { body } = await engine.daemon.call('GET', '/v1.52/system/df?type=image');
    return (body as { ImageUsage: { TotalSize: number } }).ImageUsage.TotalSize;
  };
  const before = await size();
  await engine.ok('pull', '-q', `${registry.host}/kept:1`);
  const usage = (await engine.daemon.call('GET', '/quai/images/usage')).body as {
    readonly BlobsSize: number;
    readonly LayersSize: number;
  };
  assert.ok(usage.BlobsSize > 0, JSON.stringify(usage));
  assert.equal(await size(), usage.BlobsSize + usage.LayersSize);
  const { stdout, stderr } = await quai('system', 'df');
  assert.equal(stdout, `${await engine.ok('system', 'df')}\n`, 'the table is Docker’s');
  assert.match(
    stderr,
    /^[\d.]+[kM]B of the images are the archives of layers, kept to be pushed as they came; /,
  );

  await engine.ok('rmi', `${registry.host}/kept:1`);
  assert.ok((await size()) <= before);
});

test('the driver of layers is named as it is, in info and for images and containers', { skip }, async () => {
  const driver = await engine.ok('info', '-f', '{{.Driver}}');
  assert.match(driver, /^(erofs|overlay2)$/);
  assert.equal(await engine.inspect('busybox', '{{.GraphDriver.Name}}'), driver);
  await engine.started('driven', 'busybox', 'sleep', '100');
  assert.equal(await engine.inspect('driven', '{{.Driver}} {{.GraphDriver.Name}}'), `${driver} ${driver}`);
  assert.match(await engine.inspect('driven', '{{.GraphDriver.Data.UpperDir}}'), /^\/.*\/fs$/);
  const program = [
    'import docker',
    `client = docker.DockerClient(base_url='unix://${engine.daemon.socketPath}')`,
    "c = client.containers.get('driven')",
    "print(client.info()['Driver'], c.image.attrs['GraphDriver']['Name'], c.attrs['GraphDriver']['Name'])",
  ].join('\n');
  const { code, stdout } = await runProgram('python3', ['-W', 'ignore', '-c', program]);
  if (code === 0) assert.equal(stdout.trim(), `${driver} ${driver} ${driver}`); // no docker-py: tested elsewhere
});
