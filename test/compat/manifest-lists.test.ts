import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ownHome, type ProgramResult } from '../support/programs.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { skip as cannotRun, compatEngine } from './compat-engine.ts';

const skip = cannotRun || cannotRunRegistry;
const engine = compatEngine();

let folder = '';
let registry: TestRegistry;
let locked: TestRegistry;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), 'quai-manifest-test-'));
  registry = await TestRegistry.start();
  locked = await TestRegistry.start({ auth: 'ann' });
  for (const [tag, architecture] of [
    ['a', 'amd64'],
    ['b', 'arm64'],
  ] as const) {
    await publish(registry.host, 'team/app', tag, [
      { layers: [[{ path: 'f', content: tag }]], config: {}, architecture },
    ]);
  }
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
  await locked?.[Symbol.asyncDispose]();
  if (folder) rmSync(folder, { recursive: true });
});

function quai(...words: string[]): Promise<ProgramResult> {
  return engine.daemon.quai(words, { env: ownHome(join(folder, 'quai')) });
}

/** Docker's own asks the registry itself, and wants to be told that it is an insecure one. */
function docker(...words: string[]): Promise<ProgramResult> {
  const [group = '', action = '', ...rest] = words;
  const takesIt = ['create', 'inspect', 'push'].includes(action);
  const all = [group, action, ...(takesIt ? ['--insecure'] : []), ...rest];
  const env = { HOME: join(folder, 'docker'), DOCKER_CONFIG: '' };
  return engine.docker(all, { env });
}

async function same(...words: string[]): Promise<ProgramResult> {
  const theirs = await docker('manifest', ...words);
  const ours = await quai('manifest', ...words);
  assert.deepEqual(ours, theirs, `manifest ${words.join(' ')}`);
  return ours;
}

test('quai manifest create, annotate, inspect, push and rm say, keep and push what docker does', {
  skip,
}, async () => {
  const name = `${registry.host}/team/app`;
  const list = `${name}:list`;
  assert.equal((await same('create', list, `${name}:a`)).code, 0);
  assert.equal((await same('create', list, `${name}:a`)).code, 1);
  await same('create', '--amend', list, `${name}:b`);
  assert.equal(
    (await same('annotate', list, `${name}:b`, '--variant', 'v8', '--os-features', 'x,y')).code,
    0,
  );
  await same('annotate', list, `${name}:b`, '--os-features', 'y,z', '--os-version', '1.2');
  await same('annotate', list, `${name}:a`, '--os', 'freebsd');
  assert.equal((await same('annotate', list, `${name}:a`, '--arch', 'nonsense')).code, 1);
  assert.equal((await same('annotate', list, `${name}:nosuch`, '--arch', 'arm')).code, 1);
  await same('annotate', 'Bad', `${name}:a`);
  for (const flags of [[], ['-v']]) {
    assert.equal((await same('inspect', ...flags, list)).code, 0);
    await same('inspect', ...flags, list, `${name}:a`);
    await same('inspect', ...flags, `${name}:a`);
    assert.equal((await same('inspect', ...flags, list, `${name}:nosuch`)).code, 1);
    assert.equal((await same('inspect', ...flags, `${name}:nosuch`)).code, 1);
  }
  assert.deepEqual(kept('quai', '.config', 'quai'), kept('docker', '.docker'));

  const pushed = await same('push', list);
  assert.match(pushed.stdout, /^sha256:[0-9a-f]{64}\n$/);
  assert.equal((await same('push', '-p', list)).stdout, pushed.stdout);
  assert.equal((await same('push', list)).code, 1, 'it is gone here');
  assert.equal((await same('inspect', list)).code, 0, 'it is there');
  await same('inspect', '-v', list);
  assert.equal((await same('create', `${name}:more`, list)).code, 1);
  assert.equal((await same('create', `${name}:more`, `${name}:nosuch`)).code, 1);
  assert.equal((await same('rm', `${name}:more`)).code, 1, 'a list that failed was not begun');
});

test('quai manifest push brings images of other repositories along, as docker does, and rm removes lists', {
  skip,
}, async () => {
  const name = `${registry.host}/team/app`;
  const list = `${registry.host}/other/place:1`;
  await same('create', list, `${name}:a`, `${name}:b`);
  // the one that comes first has to bring the images, the other finds them
  const ours = await quai('manifest', 'push', list);
  const theirs = await docker('manifest', 'push', list);
  assert.deepEqual(ours, theirs);
  assert.match(ours.stdout, /^Pushed ref \S+ with digest: sha256:[0-9a-f]{64}\n/);
  await engine.ok('pull', list);
  await engine.ok('rmi', list);
  await same('create', `${list}-b`, `${name}:a`);
  assert.equal((await same('rm', list, `${list}-b`)).code, 0);
  assert.equal((await same('rm', list, `${list}-b`)).code, 1);
});

test('quai manifest push reaches a registry of its own credentials, and brings the images from another', {
  skip,
}, async () => {
  const source = `${registry.host}/team/app`;
  const list = `${locked.host}/ann/app:list`;
  assert.equal((await quai('manifest', 'create', list, `${source}:a`, `${source}:b`)).code, 0);
  const refused = await quai('manifest', 'push', list);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /unauthorized|no basic auth|authentication required/);
  assert.equal((await quai('login', '-u', 'ann', '-p', 'canary-5b2f', locked.host)).code, 0);
  const pushed = await quai('manifest', 'push', '-p', list);
  assert.equal(pushed.code, 0, pushed.stderr);
  const digest = pushed.stdout.trimEnd().split('\n').at(-1);
  assert.match((await quai('pull', list)).stdout, new RegExp(`Digest: ${digest}`));
  await quai('rmi', list);
  await quai('logout', locked.host);
});

test('PUT /quai/registry/manifest takes no document that is another thing than it says', {
  skip,
}, async () => {
  const name = `${registry.host}/team/app:put`;
  const index = 'application/vnd.oci.image.index.v1+json';
  const put = async (document: unknown, mediaType: string, to = name): Promise<[number, string]> => {
    const Raw = Buffer.from(JSON.stringify(document)).toString('base64');
    const answer = await engine.daemon.call('PUT', `/quai/registry/manifest?name=${to}`, {
      MediaType: mediaType,
      Raw,
    });
    return [answer.status, JSON.stringify(answer.body)];
  };
  const empty = { schemaVersion: 2, mediaType: index, manifests: [] };
  assert.equal((await put(empty, 'application/vnd.oci.image.manifest.v1+json'))[0], 400);
  assert.equal((await put({ ...empty, layers: [], config: {} }, index))[0], 400);
  assert.equal((await put(empty, 'text/html\r\nx: y'))[0], 400);
  const other = `${registry.host}/team/app@sha256:${'0'.repeat(64)}`;
  assert.match((await put(empty, index, other))[1], /has the digest/);
});

/** Everything that is kept, by file. */
function kept(...path: string[]): Record<string, unknown> {
  const root = join(folder, ...path, 'manifests');
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter(one => one.isFile());
  assert.ok(files.length > 0);
  return Object.fromEntries(
    files.map(({ name, parentPath }) => [
      join(parentPath, name).slice(root.length),
      readFileSync(join(parentPath, name), 'utf8'),
    ]),
  );
}
