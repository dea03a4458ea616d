import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ConnectionError, LostConnectionError } from '#client/api-error';
import type { Transport } from '#client/transport';
import { quai } from './fake-cli.ts';

test('ps --filter without = and other wrong usage end with 125 and the usage line', async () => {
  const { status, err } = await quai('ps --filter running');
  assert.equal(status, 125);
  assert.match(
    err,
    /bad format of filter.+\n\nUsage: {2}quai ps \[OPTIONS\]\n\nRun 'quai ps --help' for more information\n$/,
  );
});

test('a wrong number of arguments ends with 1', async () => {
  assert.deepEqual([(await quai('ps x')).status, (await quai('rename a')).status], [1, 1]);
  assert.match((await quai('rm')).err, /^quai: 'quai rm' requires at least 1 argument\n/);
  assert.match(
    (await quai('port a b c')).err,
    /^quai: 'quai port' requires at least 1 and at most 2 arguments\n/,
  );
});

for (const [line, expected] of [
  ['rnu x', /^quai: unknown command: quai rnu\n {2}did you mean 'quai run'\?\n/],
  ['container lss', /^quai: unknown command: quai container lss\n {2}did you mean 'quai container ls'\?\n/],
  [
    'network foo',
    /^quai: unknown command: quai network foo\n {2}there are connect, create, disconnect, inspect, ls,/,
  ],
  ['frobnicate', /^quai: unknown command: quai frobnicate\n\nRun 'quai --help'/],
  ['checkpoint ls', /^not implemented yet: quai checkpoint\n$/],
  [
    '-H /x.sock compose up -d',
    /^not implemented yet: quai compose\ndocker-compose does it with this engine: DOCKER_HOST=unix:\/\/\/x\.sock docker-compose up -d\n$/,
  ],
  ['daemon', /'daemon' is a command of the launcher/],
  ['--context x ps', /^not implemented: --context; choose the engine with --host\n$/],
] as const) {
  test(`quai ${line} fails with help`, async () => {
    const { status, err } = await quai(line);
    assert.equal(status, 1);
    assert.match(err, expected);
  });
}

test('a command that we lack points to the docker CLI where it is installed and our engine serves what it needs', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'quai-path-'));
  try {
    writeFileSync(path.join(folder, 'docker'), '', { mode: 0o755 });
    const { err } = await quai(
      '-H unix:///x.sock trust inspect a',
      {},
      { env: { PATH: `/nonexistent:${folder}` } },
    );
    assert.match(
      err,
      /\nThe docker CLI on this machine can do it: docker -H unix:\/\/\/x\.sock trust inspect a\n$/,
    );
    const cp = await quai('cp a b', {}, { env: { PATH: folder } });
    assert.doesNotMatch(cp.err, /docker/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

for (const [code, expected] of [
  [
    'ENOENT',
    /^Cannot connect to the Quai daemon at unix:\/\/\/x\. Is the quai daemon running\?\nStart it with: sudo quai daemon/,
  ],
  ['ECONNREFUSED', /^Cannot connect to the Quai daemon/],
  [
    'ENOTFOUND',
    /^Cannot connect to the Quai daemon at unix:\/\/\/x: no host of that name is known\n.+ unix:\/\/\//,
  ],
  ['EACCES', /^permission denied while trying to connect .+\nUse sudo, or become a member of the group/],
] as const) {
  test(`${code} at the socket says what to do`, async () => {
    const fail = async (): Promise<never> => {
      throw new ConnectionError('unix:///x', code);
    };
    const transport: Transport = {
      address: 'unix:///x',
      request: fail,
      hijack: fail,
      close: () => undefined,
    };
    const { status, err } = await quai('ps', {}, { transport });
    assert.equal(status, 1);
    assert.match(err, expected);
    assert.equal((await quai('run busybox', {}, { transport })).status, 125);
  });
}

test('an answer that was cut short says that containers run on', async () => {
  const transport: Transport = {
    address: 'unix:///x',
    request: async () => {
      throw new LostConnectionError('the engine cut its answer short');
    },
    hijack: () => Promise.reject(new Error('not asked')),
    close: () => undefined,
  };
  const { status, err } = await quai('wait web', {}, { transport });
  assert.equal(status, 1);
  assert.match(
    err,
    /^the engine cut its answer short: containers run on without it; call this again when it is back\n$/,
  );
});

test('nothing at a TCP address is no reason to start a daemon, which listens on Unix sockets', async () => {
  const fail = async (): Promise<never> => {
    throw new ConnectionError('tcp://127.0.0.1:1', 'ECONNREFUSED');
  };
  const transport: Transport = {
    address: 'tcp://127.0.0.1:1',
    request: fail,
    hijack: fail,
    close: () => undefined,
  };
  const { err } = await quai('ps', {}, { transport });
  assert.match(err, /at tcp:\/\/127\.0\.0\.1:1: ECONNREFUSED\. Check host and port\.\n/);
  assert.doesNotMatch(err, /sudo quai daemon/);
});

test('a failure with curly quotes on the command line says what they are', async () => {
  const { err } = await quai(['rm', '“web”'], {});
  assert.match(err, /No|no such/);
  assert.match(
    (await quai(['inspect', '-f', '“{{.Nope}}”', 'web'], { 'GET /containers/web/json': { body: '{}' } })).err,
    /\nNote: the command line has curly quotes/,
  );
});

test('help is there for the program, groups and commands, and needs no engine', async () => {
  for (const [line, expected] of [
    ['--help', /^Usage: {2}quai \[OPTIONS\] COMMAND\n/],
    ['help', /\n {2}daemon {6}Run the engine in the foreground\n/],
    [
      'help ps',
      /^Usage: {2}quai ps \[OPTIONS\]\n\nList containers\n\nAliases:\n {2}quai ps, quai container ls,/,
    ],
    ['run --help', /\n {2}-q, --quiet +Suppress the pull output\n/],
    ['volume', /^Usage: {2}quai volume COMMAND\n\nManage volumes\n\nCommands:\n {2}backup /],
    ['volume --help', /\n {2}rm +Remove one or more volumes/],
    ['--version', /^Quai version \d+\.\d+\.\d+, build \w+\n$/],
  ] as const) {
    const { status, out, engine } = await quai(line);
    assert.equal(status, 0, line);
    assert.match(out, expected);
    assert.deepEqual(engine.log, []);
  }
});
