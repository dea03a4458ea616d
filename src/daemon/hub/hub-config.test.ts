import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type HubConfig, loadHubConfig } from './hub-config.ts';
import { publicUrlOf } from './public-url.ts';

function load(...args: readonly string[]): HubConfig {
  const config = loadHubConfig(args, { logFormat: 'json' });
  assert.ok(!('usage' in config));
  return config;
}

function configFile(context: TestContext, content: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'quai-config-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'hub.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

test('loadHubConfig() has defaults for everything: this host alone, readers without an account, no sign-up', () => {
  const { logFormat, logLevel, ...rest } = load();
  assert.deepEqual(rest, {
    root: '/var/lib/quai-hub',
    listen: [{ host: '127.0.0.1', port: 5000 }],
    tls: undefined,
    publicUrl: undefined,
    signUp: 'closed',
    anonymous: 'pull',
    isBehindProxy: false,
    hasPrivateWebhooks: false,
    admin: undefined,
  });
  assert.deepEqual([logFormat, logLevel], ['json', 'info']);
});

test('loadHubConfig() takes flags over the file over the defaults', context => {
  const file = configFile(context, {
    listen: ['127.0.0.1:1'],
    'sign-up': 'open',
    anonymous: 'none',
    'log-level': 'debug',
  });
  const config = load('--config', file, '-l', '127.0.0.1:2', '--listen', '[::1]:2', '--anonymous', 'push');
  assert.deepEqual(
    config.listen.map(({ host, port }) => [host, port]),
    [
      ['127.0.0.1', 2],
      ['::1', 2],
    ],
  );
  assert.deepEqual([config.signUp, config.anonymous, config.logLevel], ['open', 'push', 'debug']);
});

test('loadHubConfig() reads the machine’s own file unless told of another folder or file', context => {
  const defaultConfig = configFile(context, { 'sign-up': 'open' });
  const signUp = (...args: string[]) => {
    const config = loadHubConfig(args, { logFormat: 'json', defaultConfig });
    return 'usage' in config ? undefined : config.signUp;
  };
  assert.deepEqual([signUp(), signUp('--root', '/tmp/x')], ['open', 'closed']);
});

test('loadHubConfig() refuses what would be unsafe or cannot work, and says what to do', context => {
  const typo = configFile(context, { lisen: [':1'] });
  const cases: readonly [args: readonly string[], message: RegExp][] = [
    [
      ['--listen', ':5000'],
      /other hosts would reach http:\/\/\[::\]:5000 without TLS: give --tls-cert .* --insecure-http$/,
    ],
    [['--listen', '127.0.0.1:1', '--listen', '192.0.2.1:1'], /reach http:\/\/192\.0\.2\.1:1 without TLS/],
    [['--listen', ':5000', '--insecure-http'], /with --public-url/],
    [['--listen', 'hub.test:1'], /listen\.0: must look like 127\.0\.0\.1:5000/],
    [['--tls-cert', '/x'], /--tls-cert and --tls-key go together/],
    [['--admin', 'ann'], /--admin and --admin-password-file go together/],
    [['--public-url', 'hub.test'], /public-url: must look like https:/],
    [['--public-url', 'https://hub.test/path'], /public-url: must look like https:/],
    [['--sign-up', 'yes'], /sign-up: must be one of open, closed/],
    [['--anonymous', 'all'], /anonymous: must be one of none, pull, push/],
    [['--root', 'relative'], /root: must be an absolute path/],
    [['--rot', '/x'], /Unknown option '--rot'[\s\S]*Run 'quai hub serve --help'/],
    [['now'], /Unexpected argument 'now'/],
    [['--config', '/nonexistent'], /cannot read the configuration file "\/nonexistent"/],
    [['--config', typo], /lisen: there is no such option; there are root, listen, tls-cert, .*hub\.json\)$/],
  ];
  for (const [args, message] of cases) assert.throws(() => load(...args), { kind: 'invalid', message });
});

test('publicUrlOf(): as configured, by the certificate, or where the hub listens', () => {
  const tls = (...names: string[]) => ({
    cert: Buffer.alloc(0),
    key: Buffer.alloc(0),
    names,
    expiresAt: new Date(),
  });
  const certified = load('--tls-cert', '/c', '--tls-key', '/k', '--listen', ':443');
  assert.equal(publicUrlOf(certified, tls('hub.test', '192.0.2.1')), 'https://hub.test');
  assert.throws(() => publicUrlOf(certified, tls()), { kind: 'invalid', message: /--public-url/ });
  assert.equal(publicUrlOf(load(), undefined), 'http://127.0.0.1:5000');
  const proxied = load('--public-url', 'https://hub.test/', '--listen', '127.0.0.1:81');
  assert.equal(publicUrlOf(proxied, undefined), 'https://hub.test');
});
