import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { busyboxEntries } from '../support/busybox-image.ts';
import { ownHome, type ProgramResult } from '../support/programs.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../support/registry.ts';
import { skip as cannotRun, compatEngine } from './compat-engine.ts';

const skip = cannotRun || cannotRunRegistry;
const CONFIG = { Cmd: ['sh'], Env: ['PATH=/bin'] };
let folder = '';
let open: TestRegistry;
let locked: TestRegistry;

// Before the engine: a hook that fails keeps those after it from running.
after(async () => {
  await open?.[Symbol.asyncDispose]();
  await locked?.[Symbol.asyncDispose]();
  if (folder) rmSync(folder, { recursive: true });
});

const engine = compatEngine();

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), 'quai-registry-test-'));
  open = await TestRegistry.start();
  locked = await TestRegistry.start({ auth: 'ann' });
  const base = await busyboxEntries();
  for (const tag of ['1', '2', 'latest']) {
    const layers = [base, [{ path: 'which', content: tag }]];
    await publish(open.host, 'team/app', tag, [{ layers, config: CONFIG }]);
  }
});

function quai(words: readonly string[], input?: string): Promise<ProgramResult> {
  const env = ownHome(folder);
  return engine.daemon.quai(words, { env, ...(input === undefined ? {} : { input }) });
}

const ok = (...words: string[]): Promise<string> => engine.daemon.ok('quai', words, { env: ownHome(folder) });

test('quai pull brings an image and says the same as Docker; by tag, digest and all tags (S098)', {
  skip,
}, async () => {
  const name = `${open.host}/team/app`;
  for (const words of [
    ['pull', `${name}:1`],
    ['pull', '-q', `${name}:2`],
    ['pull', '-a', name],
  ]) {
    await engine.docker(['rmi', `${name}:1`, `${name}:2`, `${name}:latest`]);
    const theirs = (await engine.ok(...words)).split('\n');
    await engine.docker(['rmi', `${name}:1`, `${name}:2`, `${name}:latest`]);
    const ours = (await ok(...words)).split('\n');
    // layers come in parallel: the order of their lines is luck
    assert.deepEqual(withoutLuck(ours), withoutLuck(theirs));
    assert.match(await ok(...words), /./, 'again, when it is there');
  }
  const digest = (await ok('image', 'inspect', '-f', '{{index .RepoDigests 0}}', `${name}:1`)).trim();
  assert.equal(await ok('pull', '-q', digest), digest);
  await ok('rmi', '-f', `${name}:1`, `${name}:2`, `${name}:latest`, digest);
});

function withoutLuck(lines: readonly string[]): string[] {
  return [
    ...new Set(
      lines.filter(line => !/(Waiting|Downloading|Download complete|Verifying|Extracting|exists)/.test(line)),
    ),
  ].toSorted();
}

test('quai run pulls what is missing, --pull always, never and newer decide otherwise (S042, S045)', {
  skip,
}, async () => {
  const name = `${open.host}/team/app:latest`;
  const never = await quai(['run', '--rm', '--pull', 'never', name, 'true']);
  assert.deepEqual([never.code, /No such image/.test(never.stderr)], [125, true], never.stderr);
  const first = await quai(['run', '--rm', name, 'cat', '/which']);
  assert.deepEqual([first.code, first.stdout], [0, 'latest'], first.stderr);
  assert.match(first.stderr, /^Unable to find image '.*' locally\nlatest: Pulling from team\/app\n/);
  const again = await quai(['run', '--rm', '--pull', 'always', name, 'cat', '/which']);
  assert.match(again.stderr, /Image is up to date/);
  const newer = await quai(['run', '--rm', '--pull', 'newer', name, 'cat', '/which']);
  assert.deepEqual([newer.code, newer.stdout], [0, 'latest']);

  await ok('tag', name, '127.0.0.1:1/gone:1');
  const gone = await quai(['run', '--rm', '--pull', 'newer', '127.0.0.1:1/gone:1', 'cat', '/which']);
  assert.deepEqual([gone.code, gone.stdout], [0, 'latest'], gone.stderr);
  assert.match(
    gone.stderr,
    /^WARNING: using the image on this machine, a newer one could not be looked for: /m,
  );
  assert.equal((await quai(['run', '--rm', '--pull', 'always', '127.0.0.1:1/gone:1', 'true'])).code, 125);
  await ok('rmi', name, '127.0.0.1:1/gone:1');
});

test('quai login opens a registry for push and pull, quai logout closes it (S106, S143, S145, S147)', {
  skip,
}, async () => {
  const name = `${locked.host}/ann/app:1`;
  await ok('tag', 'busybox', name);
  const refused = await quai(['push', name]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /no basic auth credentials|unauthorized|authentication required/);

  const wrong = await quai(['login', '-u', 'ann', '--password-stdin', locked.host], 'wrong');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /^Error response from daemon: .*401 Unauthorized/);
  const login = await quai(['login', '-u', 'ann', '--password-stdin', locked.host], 'canary-5b2f\n');
  assert.deepEqual([login.code, login.stdout], [0, 'Login Succeeded\n'], login.stderr);

  assert.match(await ok('push', name), /\n1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  await ok('rmi', name);
  assert.match(await ok('pull', name), /Status: Downloaded newer image/);
  await ok('rmi', name);
  await ok('logout', locked.host);
  assert.notEqual((await quai(['pull', name])).code, 0);
});

test('quai search --tags lists the tags of a repository; manifest inspect shows what the registry has', {
  skip,
}, async () => {
  const name = `${open.host}/team/app`;
  assert.equal(await ok('search', '--tags', '--format', '{{.Tag}}', name), '1\n2\nlatest');
  assert.match(await ok('search', '--tags', '--limit', '1', name), /^NAME +TAG\n\S+ +1$/);
  assert.equal((await quai(['search', '--tags', `${open.host}/nosuch`])).code, 1);

  const theirs: unknown = JSON.parse(await engine.ok('manifest', 'inspect', '--insecure', `${name}:1`));
  assert.deepEqual(JSON.parse(await ok('manifest', 'inspect', `${name}:1`)), theirs);
  const whole = JSON.parse(await ok('manifest', 'inspect', '-v', `${name}:1`)) as {
    Descriptor: { digest: string };
  };
  assert.match(whole.Descriptor.digest, /^sha256:[0-9a-f]{64}$/);
  assert.equal((await quai(['manifest', 'inspect', `${name}:nosuch`])).code, 1);
});

test('the command line tells its version, its menu, and the help of each command (S038, S039, S040, S041)', {
  skip,
}, async () => {
  assert.match(await ok('--version'), /^Quai version \d+\.\d+\.\d+, build \S+$/);
  assert.equal(await ok('--help'), await ok('help'));
  const menu = await ok('--help');
  for (const word of ['run', 'pull', 'push', 'images', 'login', 'container', 'image', 'network', 'volume'])
    assert.match(menu, new RegExp(`^  ${word} +\\S`, 'm'));
  for (const words of [['pull'], ['volume', 'create'], ['network', 'connect'], ['system', 'df'], ['login']]) {
    const options = (text: string): string[] =>
      [...text.matchAll(/^ +(?:-\w, )?(--[\w-]+)/gm)].map(([, name = '']) => name);
    const theirs = options(await engine.ok(...words, '--help')).filter(
      name => name !== '--disable-content-trust',
    );
    const ours = options(await ok(...words, '--help'));
    const forClusters =
      /^--(availability|group|limit-bytes|required-bytes|scope|secret|sharing|topology-.*|type)$/;
    const missing = theirs.filter(name => !ours.includes(name) && !forClusters.test(name));
    assert.deepEqual(missing, [], `quai ${words.join(' ')} --help`);
    assert.match(await ok(...words, '--help'), new RegExp(`^Usage: {2}quai ${words.join(' ')}`));
  }
});

test('quai image copy brings an image from one registry to another, by its digest, with credentials for each', {
  skip,
}, async () => {
  const source = `${open.host}/team/app:2`;
  const target = `${locked.host}/copies/app:2`;
  const refused = await quai(['image', 'copy', source, target]);
  assert.equal(refused.code, 1, refused.stdout);
  await quai(['login', '-u', 'ann', '--password-stdin', locked.host], 'canary-5b2f');
  const digest = await ok('image', 'copy', '-q', source, target);
  assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.match(await ok('image', 'copy', source, target), new RegExp(`^Digest: ${digest}$`, 'm'));
  assert.match(await ok('pull', target), new RegExp(`^Digest: ${digest}$`, 'm'));
  await ok('rmi', target);
  await ok('logout', locked.host);
});

test('quai image check finds nothing wrong in a store that is whole, and says how much it read', {
  skip,
}, async () => {
  assert.match(await ok('image', 'check'), /^Checked \d+ images?, \d+ blobs?, \S+: nothing is wrong$/);
  assert.deepEqual(
    (JSON.parse(await ok('fsck', '--format', 'json')) as { Findings: unknown[] }).Findings,
    [],
  );
});
