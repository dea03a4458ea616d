import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../support/fault-proxy.ts';
import { ownHome, type ProgramResult } from '../support/programs.ts';
import { publish } from '../support/published-image.ts';
import { cannotRunRegistry } from '../support/registry.ts';
import { skip as cannotRun, compatEngine } from './compat-engine.ts';
import { compatRegistry } from './compat-registry.ts';

const skip = cannotRun || cannotRunRegistry;
const registry = compatRegistry(skip, host =>
  publish(host, 'team/app', '1', [{ layers: [[{ path: 'f', content: 'x' }]] }]),
);
const engine = compatEngine();

type Program = 'docker' | 'quai';

/** Nobody is there to answer. */
function call(program: Program, ...words: string[]): Promise<ProgramResult> {
  const env = ownHome(engine.daemon.folder);
  return engine.daemon[program](words, { env, input: '' });
}

async function refusal(program: Program, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await call(program, ...words);
  assert.equal(code, 1, `${program} ${words.join(' ')}: ${stdout}${stderr}`);
  return stderr.trimEnd();
}

/** What the registry says to questions for manifests. */
function says(answer: Fault['answer']): void {
  registry.proxy.fault = ({ path }) => (answer && path.includes('/manifests/') ? { answer } : undefined);
}

test('names that are none: the reason is told', { skip }, async () => {
  for (const name of ['X Y', 'a:b c']) {
    assert.equal(
      await refusal('quai', 'tag', 'busybox', name),
      'invalid reference format: the name of an image has no blanks',
    );
  }
  assert.match(
    await refusal('quai', 'tag', 'busybox', 'Up:1'),
    /repository name \(library\/Up\) must be lowercase$/,
  );
  const digest = `a@sha256:${'0'.repeat(64)}`;
  for (const program of ['docker', 'quai'] as const) {
    assert.equal(
      await refusal(program, 'tag', 'busybox', digest),
      'refusing to create a tag with a digest reference',
    );
  }
});

test('what a registry does not have: Docker’s words, and with quai how to look for it', {
  skip,
}, async () => {
  const words = `Error response from daemon: manifest for ${registry.host}/team/app:no not found: manifest unknown: manifest unknown`;
  assert.equal(await refusal('docker', 'pull', `${registry.host}/team/app:no`), words);
  const hint = `quai search --tags ${registry.host}/team/app`;
  assert.equal(
    await refusal('quai', 'pull', `${registry.host}/team/app:no`),
    `${words}\nThe tags that there are: ${hint}`,
  );
  const tags = await call('quai', ...hint.split(' ').slice(1));
  assert.match(tags.stdout, /team\/app +1$/m, 'the hint works');

  const absent = `${registry.host}/team/nope`;
  const noAccess = `There is no repository ${absent}, or no access to it: quai login ${registry.host}`;
  assert.match(await refusal('quai', 'pull', absent), new RegExp(`manifest unknown\\n${noAccess}$`));
  const near = await refusal('quai', 'pull', `${registry.host}/other/app`);
  assert.ok(near.endsWith(`\nLook for its name: quai search ${registry.host}/app`), near);

  says({
    status: 403,
    body: '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}',
  });
  const denied = await refusal('quai', 'pull', `${registry.proxy.host}/team/app:1`);
  assert.match(
    denied,
    /^Error response from daemon: pull access denied for .* may require 'docker login': denied/,
  );
  assert.ok(
    denied.endsWith(
      `quai search ${registry.proxy.host}/app\nIf it is private: quai login ${registry.proxy.host}`,
    ),
    denied,
  );
});

test('a registry that wants credentials is told as such, and nobody is asked for those of Docker Hub', {
  skip,
}, async () => {
  registry.proxy.fault = () => ({
    answer: { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
  });
  const name = `${registry.proxy.host}/team/app:1`;
  const words = 'Error response from daemon: no basic auth credentials';
  assert.equal(await refusal('docker', 'pull', name), words);
  assert.equal(
    await refusal('quai', 'pull', name),
    `${words}\nThe registry wants to know who asks: quai login ${registry.proxy.host}`,
  );
});

test('limits for pulls are shown: what is left, and when to come again', { skip }, async () => {
  const limit = (left: number) => ({
    'ratelimit-limit': '100;w=21600',
    'ratelimit-remaining': `${left};w=21600`,
  });
  registry.proxy.fault = () => ({ headers: limit(76) });
  for (const program of ['docker', 'quai'] as const) {
    const { stdout } = await call(program, 'pull', `${registry.proxy.host}/team/app:1`);
    assert.match(
      stdout,
      new RegExp(`^Rate limit of ${registry.proxy.host}: 76 of 100 pulls left, per 6 h$`, 'm'),
    );
  }
  says({
    status: 429,
    headers: { 'retry-after': '7200', ...limit(0) },
    body: '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}',
  });
  assert.equal(
    await refusal('docker', 'pull', `${registry.proxy.host}/team/app:1`),
    'Error response from daemon: toomanyrequests: You have reached your pull rate limit. (0 of 100 pulls left, per 6 h; try again in 2 h)',
  );
  await engine.ok('rmi', `${registry.proxy.host}/team/app:1`);
});

test('a page for browsers is told as such', { skip }, async () => {
  says({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: '<html>Sign in</html>',
  });
  assert.match(
    await refusal('docker', 'pull', `${registry.proxy.host}/team/app:1`),
    /^Error response from daemon: the registry at .* gave an answer that cannot be used: a page for browsers; is there a proxy/,
  );
});
