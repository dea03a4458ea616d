import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Certificate, cannotMakeCertificate } from '../support/http2-front.ts';
import { ADMIN, TestHub } from '../support/hub.ts';
import { ownHome, type ProgramResult, runProgram } from '../support/programs.ts';
import { SiteClient } from '../support/site-client.ts';
import { skip as cannotRun, compatEngine } from './compat-engine.ts';

const skip = cannotRun || cannotMakeCertificate;
const PASSWORD = 'correct horse battery';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Of the engine; written when it is known where the hub is. */
const folder = mkdtempSync(join(tmpdir(), 'quai-hub-compat-'));
const rules = join(folder, 'registries.json');
let certificate: Certificate;
let hub: TestHub;
let ann: SiteClient;

before(async () => {
  if (skip) return;
  certificate = new Certificate();
  setDefaultCACertificates([...getCACertificates(), readFileSync(certificate.certificate, 'utf8')]);
  hub = await TestHub.start({ tls: certificate, flags: ['--sign-up', 'open'] });
  // As the README has it.
  const ca = certificate.certificate;
  const registries = [
    { prefix: 'docker.io', location: hub.url, ca, credentials: true },
    { prefix: hub.host, ca },
  ];
  writeFileSync(rules, JSON.stringify({ registries }));
  ann = new SiteClient(hub.url);
  const account = { name: 'ann', 'full-name': 'Ann', password: PASSWORD, again: PASSWORD };
  assert.equal((await ann.submit('/signup', '/signup', account)).status, 303);
});
after(async () => {
  await hub?.[Symbol.asyncDispose]();
  certificate?.[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});
const engine = compatEngine({ config: { registries: rules } });

type Program = 'docker' | 'quai';

/** As a person with a home folder of the own: `docker login` keeps something there. */
async function as(
  person: string,
  program: Program,
  words: readonly string[],
  input = '',
): Promise<ProgramResult> {
  const home = join(folder, person);
  mkdirSync(home, { recursive: true });
  return await engine.daemon[program](words, { env: ownHome(home), input });
}

async function ok(person: string, program: Program, words: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await as(person, program, words, input);
  assert.equal(code, 0, `${program} ${words.join(' ')}: ${stderr}${stdout}`);
  return stdout.trimEnd();
}

async function refusal(person: string, program: Program, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await as(person, program, words);
  assert.equal(code, 1, `${program} ${words.join(' ')}: ${stderr}${stdout}`);
  return stderr.trimEnd();
}

async function login(person: string, program: Program, name: string, password: string, ...server: string[]) {
  const words = ['login', '--username', name, '--password-stdin', ...server];
  assert.match(await ok(person, program, words, password), /^Login Succeeded/m);
}

test('who signs up in a browser pushes with either command line, and sees the images on the pages (S142, S150, S153, S154, S159, S349, S350)', {
  skip,
}, async () => {
  await login('ann', 'docker', 'ann', PASSWORD, hub.host);
  await ok('ann', 'docker', ['tag', 'busybox', `${hub.host}/ann/devops-training:1`]);
  const pushed = await ok('ann', 'docker', ['push', `${hub.host}/ann/devops-training:1`]);
  const digest = /^1: digest: (sha256:\w{64}) size: \d+$/m.exec(pushed)?.[1];
  assert.ok(digest, pushed);
  await login('ann', 'quai', 'ann', PASSWORD, hub.host);
  for (const name of ['shop-api', 'shop-backoffice']) {
    await ok('ann', 'docker', ['tag', 'busybox', `${hub.host}/ann/${name}:2`]);
    const again = await ok('ann', 'quai', ['push', `${hub.host}/ann/${name}:2`]);
    assert.match(again, /: Mounted from ann\/\S+$/m, 'its layers are there already');
  }

  const dashboard = (await ann.get('/dashboard')).text;
  const own = (await new SiteClient(hub.url).get('/u/ann')).text;
  for (const name of ['devops-training', 'shop-api', 'shop-backoffice']) {
    assert.ok(dashboard.includes(name) && own.includes(`href="/r/ann/${name}"`), name);
  }
  const page = (await new SiteClient(hub.url).get('/r/ann/devops-training')).text;
  assert.ok(page.includes(`docker pull ${hub.host}/ann/devops-training`), page);
  assert.match(page, /<time datetime="20\d\d-/, 'when it was pushed');
  const tags = (await new SiteClient(hub.url).get('/r/ann/devops-training?tab=tags')).text;
  assert.ok(tags.includes(digest.slice('sha256:'.length, 'sha256:'.length + 12)));
  const general = await ann.get('/repository/ann/devops-training/general');
  assert.equal(general.status, 200, 'its owner’s page');
  assert.equal((await new SiteClient(hub.url).get('/repository/ann/devops-training/general')).status, 303);

  await ok('ann', 'docker', ['rmi', `${hub.host}/ann/devops-training:1`]);
  const pulled = await ok('ben', 'docker', ['pull', `${hub.host}/ann/devops-training:1`]);
  assert.match(pulled, new RegExp(`^Digest: ${digest}$`, 'm'));
  assert.equal(
    await ok('ben', 'quai', ['run', '--rm', `${hub.host}/ann/devops-training:1`, 'echo', 'hi']),
    'hi',
  );
});

test('what is in the hub is found by docker search, quai search, and the search bar of its pages (S152, S156, S370)', {
  skip,
}, async () => {
  const description = 'What we train with';
  await ann.submit('/repository/ann/devops-training/general', '/repository/ann/devops-training/general', {
    description,
  });
  const shown = new RegExp(`^${hub.host}/ann/devops-training +`, 'm');
  assert.match(await ok('ben', 'docker', ['search', `${hub.host}/devops`]), shown);
  assert.match(await ok('ben', 'quai', ['search', `${hub.host}/training`]), shown);
  assert.match(
    await ok('ben', 'quai', ['search', '--tags', `${hub.host}/ann/devops-training`]),
    /devops-training +1$/m,
  );
  const page = (await new SiteClient(hub.url).get('/search?q=devops')).text;
  assert.ok(page.includes('href="/r/ann/devops-training"'));
  assert.match(page, /<form[^>]* action="\/search"/);
  assert.doesNotMatch(await ok('ben', 'docker', ['search', `${hub.host}/nothing-like-it`]), /ann\//);
});

test('not logged in, a wrong password, a name space of others: either command line says what to do (S389)', {
  skip,
}, async () => {
  await ok('ann', 'docker', ['tag', 'busybox', `${hub.host}/boss/app`]);
  await ok('ann', 'docker', ['tag', 'busybox', `${hub.host}/library/app`]);
  assert.match(await refusal('ben', 'docker', 'push', `${hub.host}/boss/app`), /^denied: .*docker login/);
  assert.match(
    await refusal('ben', 'quai', 'push', `${hub.host}/boss/app`),
    new RegExp(`^denied: .*\n.*: quai login ${hub.host}$`),
  );
  for (const program of ['docker', 'quai'] as const) {
    const foreign = await refusal('ann', program, 'push', `${hub.host}/boss/app`);
    assert.match(foreign, /^denied: ann may not write to boss\/app: .* push to ann\/app, or ask boss/);
    const official = await refusal('ann', program, 'push', `${hub.host}/library/app`);
    assert.match(
      official,
      /^denied: ann may not write to library\/app: the administrators keep the official images/,
    );
    const words = ['login', '-u', 'ann', '--password-stdin', hub.host];
    const wrong = await as('eve', program, words, 'not the password');
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /unauthorized: incorrect username or password$/m);
    assert.match(
      await refusal('ann', program, 'pull', `${hub.host}/boss/secret`),
      /pull access denied|repository .*boss\/secret not found/,
    );
  }
  await ok('ann', 'docker', ['logout', hub.host]);
  assert.match(await refusal('ann', 'docker', 'push', `${hub.host}/ann/devops-training:1`), /^denied: /);
});

test('an engine whose rules point Docker Hub at the hub: official images, search and push with names without a host (S037, S142, S149, S151, S157, S158, S333)', {
  skip,
}, async () => {
  const env = { ...engine.daemon.clientEnv, ...ownHome(join(folder, 'boss')) };
  writeFileSync(join(folder, 'password'), ADMIN.password);
  const who = ['--user', ADMIN.name, '--password-file', join(folder, 'password')];
  const hubs = ['--hub', hub.url, '--ca', certificate.certificate];
  const images = ['busybox', 'hello-world', '--push', 'docker.io/library', ...who, ...hubs];
  const words = ['run', '-s', 'images', '--', ...images];
  const made = await runProgram('npm', words, { cwd: REPOSITORY, env });
  assert.equal(made.code, 0, made.stderr + made.stdout);
  await ok('ben', 'docker', ['rmi', 'hello-world:1', 'hello-world:latest', 'busybox:latest']);

  assert.match(await ok('ben', 'docker', ['run', '--rm', 'hello-world']), /^Hello from Quai!$/m);
  const size = await ok('ben', 'docker', ['image', 'inspect', '-f', '{{.Size}}', 'hello-world']);
  assert.ok(Number(size) < 1840, `${size} bytes`);
  assert.equal(
    await ok('ben', 'docker', ['run', '--rm', '--pull', 'always', '-q', 'busybox', 'echo', 'hi']),
    'hi',
  );
  for (const program of ['docker', 'quai'] as const) {
    const found = await ok('ben', program, ['search', 'busybox']);
    assert.match(found, /^busybox +Busybox: the usual commands.* +0 +\[OK\]$/m);
  }
  const explore = (await new SiteClient(hub.url).get('/explore')).text;
  assert.ok(explore.includes('href="/_/busybox"') && explore.includes('href="/_/hello-world"'));
  const page = (await new SiteClient(hub.url).get('/_/busybox')).text;
  assert.match(page, /Operating systems/);
  assert.match(page, /Several hundred commands of Unix/, 'the overview');

  await login('ann', 'docker', 'ann', PASSWORD);
  await ok('ann', 'docker', ['tag', 'busybox', 'ann/tool:3']);
  await ok('ann', 'docker', ['push', '-q', 'ann/tool:3']);
  assert.match(await ok('ben', 'quai', ['search', '--tags', 'ann/tool']), /ann\/tool +3$/m);
  assert.match(
    await refusal('ann', 'docker', 'push', 'busybox'),
    /^denied: ann may not write to library\/busybox/,
  );
});

test('a hub that is killed in the middle of a push: what was pushed stays, and another push succeeds', {
  skip,
}, async () => {
  await login('ann', 'docker', 'ann', PASSWORD);
  await ok('ann', 'docker', ['tag', 'busybox', 'ann/tool:3']);
  // An upload under way, of which half has come.
  const credentials = `Basic ${Buffer.from(`ann:${PASSWORD}`).toString('base64')}`;
  const begun = await fetch(`${hub.url}/v2/ann/tool/blobs/uploads/`, {
    method: 'POST',
    headers: { authorization: credentials },
  });
  assert.equal(begun.status, 202);
  const place = new URL(begun.headers.get('location') ?? '', hub.url);
  const half = await fetch(place, {
    method: 'PATCH',
    headers: { authorization: credentials, 'content-type': 'application/octet-stream' },
    body: Buffer.alloc(100_000, 'half'),
  });
  assert.equal(half.status, 202);
  await hub.kill9();
  assert.match(
    await refusal('ann', 'docker', 'push', '-q', 'ann/tool:3'),
    /connection refused|ECONNREFUSED|connect/i,
  );
  assert.equal(await hub.start(), undefined);
  await ok('ann', 'docker', ['push', '-q', 'ann/tool:3']);
  await ok('ann', 'docker', ['tag', 'busybox', 'ann/tool:4']);
  await ok('ann', 'docker', ['push', '-q', 'ann/tool:4']);
  assert.match(await ok('ben', 'quai', ['search', '--tags', 'ann/tool']), /tool +3\n.*tool +4$/m);
});
