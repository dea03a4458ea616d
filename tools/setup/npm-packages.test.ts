import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as v from 'valibot';
import { missingPackages } from './npm-packages.mjs';

const LINUX = { platform: 'linux', arch: 'x64' };

test('missingPackages() names what is absent or has another version, and nothing for other machines', () => {
  const wanted = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0' },
      'node_modules/c': { version: '3.0.0' },
      'node_modules/mac': { version: '1.0.0', os: ['darwin'], optional: true },
      'node_modules/arm': { version: '1.0.0', os: 'linux', cpu: 'arm64', optional: true },
      'node_modules/not-windows': { version: '1.0.0', os: ['!win32'] },
      'node_modules/musl': { version: '1.0.0', os: ['linux'], libc: ['musl'], optional: true },
      'node_modules/old-option': { version: '1.0.1', optional: true },
    },
  };
  const present = {
    packages: {
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '1.9.0' },
      'node_modules/old-option': { version: '1.0.0' },
    },
  };

  assert.deepEqual(missingPackages(wanted, present, LINUX), [
    'node_modules/b',
    'node_modules/c',
    'node_modules/not-windows',
    'node_modules/old-option',
  ]);
  assert.deepEqual(missingPackages(wanted, wanted, LINUX), []);
});

const Versions = v.record(v.string(), v.string());
const Entry = v.looseObject({
  version: v.optional(v.string()),
  optional: v.optional(v.boolean()),
  engines: v.optional(v.unknown()),
  optionalDependencies: v.optional(Versions),
});
const LockFile = v.object({ packages: v.record(v.string(), Entry) });
const PackageFile = v.object({
  dependencies: Versions,
  devDependencies: Versions,
  optionalDependencies: Versions,
});

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
}

test('package-lock.json names no registry host', () => {
  const text = readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8');
  assert.ok(text.length > 10_000);
  assert.doesNotMatch(text, /"resolved"|https?:\/\/[^"]*registry/);
});

test('package-lock.json has an entry for every optional package, without which `npm ci` refuses it', () => {
  const { packages } = v.parse(LockFile, readJson('package-lock.json'));
  const optional = Object.values(packages).flatMap(entry => Object.keys(entry.optionalDependencies ?? {}));
  assert.ok(optional.length > 10);
  assert.deepEqual(
    optional.filter(name => packages[`node_modules/${name}`]?.version === undefined),
    [],
  );
});

test('package-lock.json asks nothing of Node for optional packages, which the npm of Node 18 would leave out', () => {
  const { packages } = v.parse(LockFile, readJson('package-lock.json'));
  const strict = Object.entries(packages).filter(([, entry]) => entry.optional && entry.engines);
  assert.deepEqual(
    strict.map(([path]) => path),
    [],
  );
});

test('package.json pins exact versions', () => {
  const file = v.parse(PackageFile, readJson('package.json'));
  const pins = Object.entries({
    ...file.dependencies,
    ...file.devDependencies,
    ...file.optionalDependencies,
  });
  assert.ok(pins.length >= 10);
  assert.deepEqual(
    pins.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
});
