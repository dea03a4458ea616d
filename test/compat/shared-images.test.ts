import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../support/daemon.ts';
import { type LayerEntry, tarOf } from '../support/image-archive.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';

const PERL = '/usr/bin/perl';
const skip = cannotRunDocker || cannotRunRegistry || (existsSync(PERL) ? false : 'no perl');
/** Says which files the process was made of. */
const APP =
  'open my $maps, "<", "/proc/self/maps"; my %f; while (<$maps>) { $f{$1} = 1 if m{ (/\\S+)$} } print join(" ", sort keys %f), "\\n";\n';

let registry: TestRegistry;
let ann: TestDaemon;
let ben: TestDaemon;

before(async () => {
  if (skip) return;
  registry = await TestRegistry.start();
  ann = await startDaemon();
  ben = await startDaemon();
});

after(async () => {
  await ann?.[Symbol.asyncDispose]();
  await ben?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

async function ok(
  engine: TestDaemon,
  program: 'docker' | 'quai',
  words: readonly string[],
  input?: Buffer,
): Promise<string> {
  const env = { HOME: engine.folder, DOCKER_CONFIG: '' };
  return await engine.ok(program, words, { env, ...(input ? { input } : {}) });
}

/** A program, what interprets it, and the libraries of that, in a folder that no host has. */
function bundle(): { readonly tar: Buffer; readonly start: readonly string[] } {
  const found = execFileSync('ldd', [PERL], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [];
  const entries: LayerEntry[] = ['bundle/', 'bundle/lib/'].map(path => ({
    path,
    type: 'directory',
    mode: 0o755,
  }));
  const add = (path: string, content: Buffer | string): void =>
    void entries.push({ path: `bundle/${path}`, mode: 0o755, content });
  for (const library of found) add(`lib/${basename(library)}`, readFileSync(library));
  add('perl', readFileSync(PERL));
  add('app.pl', APP);
  const loader =
    found.map(path => basename(path)).find(name => name.startsWith('ld-')) ?? assert.fail('no loader');
  const start = [`/bundle/lib/${loader}`, '--library-path', '/bundle/lib', '/bundle/perl', '/bundle/app.pl'];
  return { tar: tarOf(entries), start };
}

test('an image has its program, runtime and libraries in itself, and runs on another engine that has nothing (S027)', {
  skip,
}, async () => {
  assert.equal(statSync('/bundle', { throwIfNoEntry: false }), undefined, 'the host has none of it');
  const { tar, start } = bundle();
  const change = `ENTRYPOINT ${JSON.stringify(start)}`;
  await ok(ann, 'docker', ['import', '--change', change, '-', `${registry.host}/ann/app:1`], tar);
  await ok(ann, 'docker', ['push', '-q', `${registry.host}/ann/app:1`]);

  const run = ['run', '--rm', '--network', 'none', `${registry.host}/ann/app:1`];
  const files = (await ok(ben, 'docker', run)).split(' ');
  assert.ok(files.length > 2 && files.includes('/bundle/perl'), files.join(' '));
  assert.deepEqual(
    files.filter(path => !path.startsWith('/bundle/')),
    [],
    'nothing of the host is in the process',
  );
});

test('whoever reaches a registry shares images by it, without an account: pushed by one, found and run by another (S146)', {
  skip,
}, async () => {
  const mine = `${registry.host}/ann/tool:1`;
  const { tar, start } = bundle();
  await ok(ann, 'docker', ['import', '--change', `ENTRYPOINT ${JSON.stringify(start)}`, '-', mine], tar);
  const pushed = /digest: (sha256:\w+)/.exec(await ok(ann, 'docker', ['push', mine]))?.[1];
  assert.ok(pushed);

  assert.match(
    await ok(ben, 'docker', ['search', `${registry.host}/tool`]),
    new RegExp(`^${registry.host}/ann/tool `, 'm'),
  );
  assert.match(await ok(ben, 'quai', ['search', '--tags', `${registry.host}/ann/tool`]), /ann\/tool +1$/m);
  assert.match(await ok(ben, 'docker', ['pull', mine]), new RegExp(`^Digest: ${pushed}$`, 'm'));
  assert.match(await ok(ben, 'docker', ['run', '--rm', mine]), /\/bundle\/perl/);

  const yours = `${registry.host}/ben/tool:2`;
  await ok(ben, 'quai', ['tag', mine, yours]);
  await ok(ben, 'quai', ['push', '-q', yours]);
  assert.match(await ok(ann, 'quai', ['run', '--rm', yours]), /\/bundle\/perl/);
  const digests = async (engine: TestDaemon, name: string) =>
    await ok(engine, 'docker', ['inspect', '-f', '{{index .RepoDigests 0}} {{.Id}}', name]);
  assert.equal((await digests(ann, yours)).split(' ')[1], (await digests(ben, mine)).split(' ')[1]);
});

test('names without a host mean Docker Hub, or what stands in for it by a rule: found, pulled, pushed (S142, S037)', {
  skip,
}, async () => {
  const rules = join(registry.folder, 'registries.json');
  writeFileSync(
    rules,
    JSON.stringify({ registries: [{ prefix: 'docker.io', location: `http://${registry.host}` }] }),
  );
  await using engine = await startDaemon({ config: { registries: rules } });
  for (const name of ['library/ready', 'ann/ready']) {
    await publish(registry.host, name, '1', [{ layers: [[{ path: 'name', content: name }]] }]);
  }
  const found = await ok(engine, 'docker', ['search', 'ready']);
  assert.match(found, /^ann\/ready /m);
  assert.match(found, /^ready /m);
  await ok(engine, 'docker', ['pull', '-q', 'ready:1']);
  await ok(engine, 'docker', ['pull', '-q', 'ann/ready:1']);
  assert.match(
    await ok(engine, 'docker', ['images']),
    /^ann\/ready +1 .*\nready +1 |^ready +1 .*\nann\/ready +1 /m,
  );
  await ok(engine, 'docker', ['tag', 'ready:1', 'ben/own:1']);
  await ok(engine, 'docker', ['push', '-q', 'ben/own:1']);
  assert.match(await ok(ben, 'quai', ['search', '--tags', `${registry.host}/ben/own`]), /ben\/own +1$/m);
});
