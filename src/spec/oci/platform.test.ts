import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatPlatform,
  hostPlatform,
  normalizePlatform,
  parseKnownPlatform,
  parsePlatform,
  platformFit,
} from './platform.ts';

test('hostPlatform() speaks Go', () => {
  assert.deepEqual(hostPlatform('x64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(hostPlatform('arm64'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(hostPlatform('ia32'), { os: 'linux', architecture: '386' });
});

test('parsePlatform() knows short forms and aliases', () => {
  assert.deepEqual(parsePlatform('arm64'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(parsePlatform('linux/x86_64'), { os: 'linux', architecture: 'amd64' });
  assert.deepEqual(parsePlatform('linux/aarch64'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(parsePlatform('Linux/ARM/v7'), { os: 'linux', architecture: 'arm', variant: 'v7' });
  assert.deepEqual(parsePlatform('linux/arm64/v8'), { os: 'linux', architecture: 'arm64' });
  assert.deepEqual(parsePlatform('armhf'), { os: 'linux', architecture: 'arm', variant: 'v7' });
  assert.deepEqual(parsePlatform('windows/amd64'), { os: 'windows', architecture: 'amd64' });
  for (const bad of ['', 'a/b/c/d', 'linux/', 'linux/am d64', '/']) {
    assert.throws(() => parsePlatform(bad), { kind: 'invalid' }, bad);
  }
});

test('parseKnownPlatform() refuses what nothing runs on', () => {
  assert.deepEqual(parseKnownPlatform('aarch64'), { os: 'linux', architecture: 'arm64' });
  assert.throws(() => parseKnownPlatform('linux/foo'), {
    kind: 'invalid',
    message: 'platform "linux/foo": unknown architecture foo',
  });
  assert.throws(
    () => parseKnownPlatform('linux/amd46'),
    /unknown architecture amd46 \(did you mean amd64\?\)/,
  );
  assert.throws(
    () => parseKnownPlatform('lunix/amd64'),
    /unknown operating system lunix \(did you mean linux\?\)/,
  );
});

test('formatPlatform() and normalizePlatform() leave out what means nothing', () => {
  assert.equal(
    formatPlatform(normalizePlatform({ os: '', architecture: 'amd64', variant: 'v1' })),
    'linux/amd64',
  );
  assert.equal(formatPlatform({ os: 'linux', architecture: 'arm', variant: 'v6' }), 'linux/arm/v6');
});

test('platformFit() prefers the newest variant that runs, and never takes a newer one', () => {
  const arm = (variant?: string) => ({
    os: 'linux',
    architecture: 'arm',
    ...(variant === undefined ? {} : { variant }),
  });
  assert.ok(platformFit(arm('v7'), arm('v7')) > platformFit(arm('v7'), arm('v6')));
  assert.equal(platformFit(arm('v6'), arm('v7')), 0);
  assert.ok(platformFit(arm(), arm('v7')) > 0);
  const amd = { os: 'linux', architecture: 'amd64' };
  assert.ok(platformFit(amd, amd) > 0);
  assert.equal(platformFit(amd, { ...amd, os: 'windows' }), 0);
  assert.equal(platformFit(amd, { ...amd, architecture: 'arm64' }), 0);
  assert.equal(platformFit(amd, { ...amd, variant: 'v3' }), 0);
});
