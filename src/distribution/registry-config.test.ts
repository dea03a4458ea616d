import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { parseReference } from '#spec/reference';
import { RegistryConfig } from './registry-config.ts';

function configIn(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'quai-registry-config-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'registries.json');
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  const write = (content: unknown): void => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  return { path, warnings, write, make: () => new RegistryConfig({ path, logger }) };
}

function hostsOf(config: RegistryConfig): string[] {
  return config
    .current()
    .sourcesOf(parseReference('a.example/x'))
    .map(({ host }) => host);
}

test('a change of the file of rules holds at once, its coming and going too', context => {
  const { make, write, path } = configIn(context);
  const config = make();
  assert.deepEqual(hostsOf(config), ['a.example']);
  write({ registries: [{ prefix: 'a.example', mirrors: ['m.example'] }] });
  assert.deepEqual(hostsOf(config), ['m.example', 'a.example']);
  rmSync(path);
  assert.deepEqual(hostsOf(config), ['a.example']);
});

test('a file that has become wrong is told once, and the last good rules stay until it is mended', context => {
  const { make, write, warnings } = configIn(context);
  write({ registries: [{ prefix: 'a.example', mirrors: ['m.example'] }] });
  const config = make();
  write('{ "registries": [ {');
  assert.deepEqual(hostsOf(config), ['m.example', 'a.example']);
  assert.deepEqual(hostsOf(config), ['m.example', 'a.example']);
  assert.equal(warnings.length, 1);
  assert.match(config.problem ?? '', /cannot use the rules for registries in ".*registries.json": /);
  write({ registries: [] });
  assert.deepEqual(hostsOf(config), ['a.example']);
  assert.equal(config.problem, undefined);
});

test('a file that is wrong from the start is refused: it may say what is blocked', context => {
  const { make, write } = configIn(context);
  write({ registries: [{ prefix: 'a.example', blockd: true }] });
  assert.throws(make, { kind: 'invalid', message: /registries\.0\.blockd/ });
});
