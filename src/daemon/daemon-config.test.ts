import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DaemonConfig, loadDaemonConfig } from './daemon-config.ts';

function load(...args: readonly string[]): DaemonConfig {
  const config = loadDaemonConfig(args, { logFormat: 'json' });
  assert.ok(!('usage' in config));
  return config;
}

function configFile(context: TestContext, content: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'quai-config-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'daemon.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

test('loadDaemonConfig() has defaults for everything', () => {
  const config = load();
  assert.equal(config.root, '/var/lib/quai');
  assert.equal(config.runDir, '/run/quai');
  assert.deepEqual(config.hosts, ['unix:///run/quai.sock']);
  assert.equal(config.bridgeName, 'quai0');
});

test('loadDaemonConfig() keeps engines with other roots apart', () => {
  const a = load('--root', '/tmp/a');
  const b = load('--root', '/tmp/b');
  assert.notEqual(a.runDir, b.runDir);
  assert.notEqual(a.bridgeName, b.bridgeName);
  assert.ok(a.bridgeName.length <= 15);
});

test('loadDaemonConfig() takes flags over the file over the defaults', context => {
  const file = configFile(context, {
    'log-level': 'debug',
    'log-format': 'human',
    hosts: ['unix:///a'],
  });

  const config = load('--config', file, '--log-level', 'warn', '-H', 'unix:///b', '-H', 'unix:///c');

  assert.equal(config.logLevel, 'warn');
  assert.equal(config.logFormat, 'human');
  assert.deepEqual(config.hosts, ['unix:///b', 'unix:///c']);
});

test('loadDaemonConfig() knows who reaches published ports: everybody, unless it is told otherwise', () => {
  const { publishDefault, firewall } = load();
  assert.deepEqual([publishDefault, firewall], ['any', 'quai']);
  const careful = load('--publish-default', 'loopback', '--firewall', 'host');
  assert.deepEqual([careful.publishDefault, careful.firewall], ['loopback', 'host']);
  assert.throws(() => load('--firewall', 'none'), { kind: 'invalid', message: /firewall/ });
});

test('loadDaemonConfig() names the options of the file when one is not known', context => {
  const file = configFile(context, { host: ['unix:///a'] });
  assert.throws(() => load('--config', file), {
    kind: 'invalid',
    message:
      /not valid: host: there is no such option; there are root, run-dir, hosts, .*, log-opts, labels, plugin-sockets, plugin-specs, .*, registries, .*$/,
  });
});

test('loadDaemonConfig() refuses what it does not know, and says what is wrong', context => {
  const file = configFile(context, { 'log-opts': { 'max-sise': '1m' } });
  const cases: readonly [args: readonly string[], message: RegExp][] = [
    [['--config', file], /unknown log opt 'max-sise'/],
    [['--rot', '/x'], /Unknown option '--rot'[\s\S]*Run 'quai daemon --help'/],
    [['--root', 'relative'], /root: must be an absolute path/],
    [['--host', 'tcp://0.0.0.0:2375'], /hosts\.0: must look like unix:/],
    [['--log-level', 'loud'], /log-level: Invalid type/],
    [['--storage-driver', 'aufs'], /storage-driver: Invalid type/],
    [['--config', '/nonexistent'], /cannot read the configuration file "\/nonexistent"/],
  ];
  for (const [args, message] of cases) assert.throws(() => load(...args), { kind: 'invalid', message });
});

test('loadDaemonConfig() finds the machine’s own configuration, not for an engine with another root', context => {
  const surroundings = {
    logFormat: 'journal',
    defaultConfig: configFile(context, { group: 'staff' }),
  } as const;
  const loaded = (...args: readonly string[]) => {
    const config = loadDaemonConfig(args, surroundings);
    assert.ok(!('usage' in config));
    return config;
  };
  assert.equal(loaded().group, 'staff');
  assert.equal(loaded().logFormat, 'journal');
  assert.equal(loaded('--root', '/tmp/a').group, 'quai');
  assert.equal(loaded('--config', configFile(context, { group: 'wheel' })).group, 'wheel');
  const missing = loadDaemonConfig([], { logFormat: 'json', defaultConfig: '/nowhere/daemon.json' });
  assert.ok(!('usage' in missing), 'it need not be there');
});
