import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGitAddress, isRemoteAddress, parseGitAddress, shownAddress } from './git-address.ts';

for (const [text, address] of [
  ['https://host/x.git', { scheme: 'https', remote: 'https://host/x.git' }],
  [
    'https://u:p@host:8443/a/x.git#main:docker/app/',
    { scheme: 'https', remote: 'https://u:p@host:8443/a/x.git', ref: 'main', subdir: 'docker/app' },
  ],
  ['http://host/x.git#:sub', { scheme: 'http', remote: 'http://host/x.git', subdir: 'sub' }],
  ['git://host/x#feature/y', { scheme: 'git', remote: 'git://host/x', ref: 'feature/y' }],
  ['git@host:team/x.git#v1', { scheme: 'ssh', remote: 'git@host:team/x.git', ref: 'v1' }],
  ['ssh://git@host:22/x', { scheme: 'ssh', remote: 'ssh://git@host:22/x' }],
  ['github.com/moby/x', { scheme: 'https', remote: 'https://github.com/moby/x' }],
  [
    'https://host/x.git?tag=v1&subdir=/a/./b&commit=ABCDEF1&keep-git-dir&submodules=false',
    {
      scheme: 'https',
      remote: 'https://host/x.git',
      ref: 'refs/tags/v1',
      subdir: 'a/b',
      commit: 'abcdef1',
      keepGitDir: true,
      submodules: false,
    },
  ],
  [
    'https://host/x.git?branch=b#refs/heads/b',
    { scheme: 'https', remote: 'https://host/x.git', ref: 'refs/heads/b' },
  ],
] as const) {
  test(`the git address ${text}`, () => {
    assert.ok(isGitAddress(text) && isRemoteAddress(text));
    assert.deepEqual(parseGitAddress(text), address);
  });
}

for (const [text, message] of [
  ['https://host/x.git#--upload-pack=touch', /cannot be the name of a branch/],
  ['https://host/x.git#a..b', /cannot be the name of a branch/],
  ['https://host/x.git#a^{tree}', /cannot be the name of a branch/],
  ['https://host/x.git#main:../..', /is not inside the repository/],
  ['https://host/x.git#main:a/../../b', /is not inside the repository/],
  ['https://-oProxyCommand=x/x.git', /write https:\/\/host\/path\.git/],
  ['ssh://-oProxyCommand=x/x', /write https:\/\/host/],
  ['ext::sh -c x', /invalid git address/],
  ['file:///etc/x.git', /write https:\/\/host/],
  ['https://host/x.git?ref=a#b', /ref conflicts: b and a/],
  ['https://host/x.git?tag=a&branch=b', /ref conflicts/],
  ['https://host/x.git?depth=1', /unexpected query "depth"/],
  ['https://host/x.git?ref=', /query "ref" has no value/],
  ['https://host/x.git?commit=xyz', /is not a commit/],
  ['https://u:secret@host/x.git?a=1', /address https:\/\/\*\*\*@host/],
  [`https://host/${'x'.repeat(5000)}.git`, /too long/],
] as const) {
  test(`the git address ${text.slice(0, 60)} is refused`, () => {
    assert.throws(() => parseGitAddress(text), { kind: 'invalid', message });
  });
}

test('what is a git address and what is not', () => {
  for (const text of [
    '.',
    './x.git',
    '/a/b.git',
    '-',
    'https://host/x.tar.gz',
    'a@b',
    'C:\\x',
    'user@host',
    'https://host/x.gitx',
  ]) {
    assert.equal(isGitAddress(text), false, text);
  }
  assert.ok(isRemoteAddress('https://host/x.tar.gz'));
  assert.equal(shownAddress('https://u:p@host/x'), 'https://***@host/x');
});
