import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatform } from './platform.ts';

test('parsePlatform() takes other names for processors, and leaves out what goes without saying', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['Linux/x86_64', { os: 'linux', architecture: 'amd64' }],
    ['linux/aarch64', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm64/v8', { os: 'linux', architecture: 'arm64' }],
    ['linux/arm', { os: 'linux', architecture: 'arm', variant: 'v7' }],
    ['linux/arm/6', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['linux/armel', { os: 'linux', architecture: 'arm', variant: 'v6' }],
    ['arm64', { os: 'linux', architecture: 'arm64' }],
    ['windows/amd64', { os: 'windows', architecture: 'amd64' }],
  ];
  for (const [text, platform] of cases) assert.deepEqual(parsePlatform(text), platform, text);
});

test('parsePlatform() refuses what is no platform', () => {
  for (const text of ['', 'nonsense', 'linux/', 'a/b/c/d', 'linux/am d64'])
    assert.throws(() => parsePlatform(text), { name: 'CliError' }, text);
});
