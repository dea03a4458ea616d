import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference } from '#spec/reference';
import { parseRules } from './registry-config.ts';
import { type DockerRegistryOptions, matchedPart, RegistryRules, registryHost } from './registry-rules.ts';

function sources(name: string, registries: readonly object[] = [], docker?: DockerRegistryOptions) {
  const file = parseRules(JSON.stringify({ registries }), 'rules');
  return new RegistryRules(file, docker)
    .sourcesOf(parseReference(name))
    .map(({ host, repository, schemes }) => `${schemes.join('|')}://${host}/${repository}`);
}

test('without rules a name is where it says, Docker Hub where that really is', () => {
  assert.deepEqual(sources('busybox'), ['https://registry-1.docker.io/library/busybox']);
  assert.deepEqual(sources('r.example:5000/a/b'), ['https://r.example:5000/a/b']);
  assert.deepEqual(sources('localhost:5000/a'), ['https|http://localhost:5000/a']);
  assert.deepEqual(sources('127.9.9.9:5000/a'), ['https|http://127.9.9.9:5000/a']);
});

test('the longest prefix counts, at the borders of path components, and rewrites what it stands for', () => {
  const rules = [
    { prefix: 'docker.io', mirrors: ['https://mirror.example/hub'] },
    { prefix: 'docker.io/library', location: 'r.example/official' },
    { prefix: '*.corp.example', location: 'gateway.example/corp' },
  ];
  assert.deepEqual(sources('busybox', rules), ['https://r.example/official/busybox']);
  assert.deepEqual(sources('user/app', rules), [
    'https://mirror.example/hub/user/app',
    'https://registry-1.docker.io/user/app',
  ]);
  assert.deepEqual(sources('librarything/app', rules), [
    'https://mirror.example/hub/librarything/app',
    'https://registry-1.docker.io/librarything/app',
  ]);
  assert.deepEqual(sources('a.corp.example/x', rules), ['https://gateway.example/corp/x']);
  assert.deepEqual(sources('corp.example/x', rules), ['https://corp.example/x']);
});

test('matchedPart() ends at a slash or at the end', () => {
  assert.equal(matchedPart('docker.io/library', 'docker.io/library/busybox'), 'docker.io/library');
  assert.equal(matchedPart('docker.io/lib', 'docker.io/library/busybox'), '');
  assert.equal(matchedPart('*.example/team', 'a.example/team/x'), 'a.example/team');
  assert.equal(matchedPart('*.example', '.example/x'), '');
});

test("Docker's keys: mirrors are for Docker Hub alone, insecure registries by name and by range", () => {
  const docker = {
    mirrors: [{ host: 'mirror.example', path: '' }],
    insecure: ['old.example:80', '10.0.0.0/8', 'fd00::/8'],
  };
  assert.deepEqual(sources('busybox', [], docker), [
    'https://mirror.example/library/busybox',
    'https://registry-1.docker.io/library/busybox',
  ]);
  assert.deepEqual(sources('r.example/a', [], docker), ['https://r.example/a']);
  assert.deepEqual(sources('old.example:80/a', [], docker), ['https|http://old.example:80/a']);
  assert.deepEqual(sources('10.1.2.3:5000/a', [], docker), ['https|http://10.1.2.3:5000/a']);
  assert.deepEqual(sources('11.1.2.3:5000/a', [], docker), ['https://11.1.2.3:5000/a']);
});

test("the user's secrets stay with the host they were given for, unless a rule says otherwise", () => {
  const file = parseRules(
    JSON.stringify({
      registries: [
        { prefix: 'a.example', mirrors: ['m.example', { location: 'n.example', credentials: true }] },
        { prefix: 'b.example', location: 'elsewhere.example' },
      ],
    }),
    'rules',
  );
  const takes = (name: string): boolean[] =>
    new RegistryRules(file).sourcesOf(parseReference(name)).map(({ takesCredentials }) => takesCredentials);
  assert.deepEqual(takes('a.example/x'), [false, true, true]);
  assert.deepEqual(takes('b.example/x'), [false]);
});

test('a blocked registry is blocked under all its names, for logins and searches too', () => {
  const registries = [
    { prefix: 'Bad.example', blocked: true },
    { prefix: '*.worse.example', blocked: true },
    { prefix: 'docker.io', blocked: true },
  ];
  const rules = new RegistryRules(parseRules(JSON.stringify({ registries }), 'rules'));
  const names = ['bad.example/x', 'BAD.example/x', 'bad.example:443/x', 'a.WORSE.example/x', 'busybox'];
  for (const name of [...names, 'registry-1.docker.io/library/x', 'Index.docker.io/library/x']) {
    const message = /is blocked by the rule for/;
    assert.throws(() => rules.sourcesOf(parseReference(name)), { kind: 'forbidden', message }, name);
  }
  for (const host of ['bad.example', 'https://BAD.example/v2/', '', 'index.docker.io']) {
    assert.throws(() => rules.registryOf(registryHost(host)), { kind: 'forbidden' }, host);
  }
});

test('a rule decides whether certificates are checked, on this machine too', () => {
  const rules = [
    { prefix: 'localhost:5000', insecure: false },
    { prefix: 'lab.example', insecure: true },
  ];
  const docker = { insecure: ['lab.example', 'other.example'] };
  assert.deepEqual(sources('localhost:5000/a', rules, docker), ['https://localhost:5000/a']);
  assert.deepEqual(sources('lab.example/a', rules), ['https|http://lab.example/a']);
  assert.deepEqual(sources('Other.example/a', rules, docker), ['https|http://other.example/a']);
});

test('registryHost() takes hosts and URLs, and nothing that would become another place', () => {
  assert.equal(registryHost(''), 'docker.io');
  assert.equal(registryHost('https://index.docker.io/v1/'), 'docker.io');
  assert.equal(registryHost(' HTTPS://R.example:5000/v2/ '), 'r.example:5000');
  assert.equal(registryHost('[::1]:5000'), '[::1]:5000');
  for (const server of [
    '..',
    'a..b',
    'a b',
    'user:word@r.example',
    'r.example?x',
    'r.example#x',
    '-r',
    'r.example:x',
  ]) {
    assert.throws(() => registryHost(server), { kind: 'invalid' }, server);
  }
});

test('parseRules() says what is wrong, and takes no typos', () => {
  for (const [text, reason] of [
    ['{', /JSON/],
    ['[]', /cannot use the rules/],
    ['{"registry": []}', /registry/],
    ['{"registries":[{"prefix":"A b"}]}', /must look like host/],
    ['{"registries":[{"prefix":"a.example","mirror":[]}]}', /mirror/],
    ['{"registries":[{"prefix":"a.example"},{"prefix":"a.example"}]}', /two rules for "a.example"/],
    ['{"registries":[{"prefix":"a.example","ca":"relative"}]}', /absolute path/],
  ] as const) {
    assert.throws(() => parseRules(text, '/etc/rules'), { kind: 'invalid', message: reason }, text);
  }
});
