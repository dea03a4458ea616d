import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Outcome, Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();
const script: Script = {
  'POST /auth': ({ body }) =>
    body.includes('"wrong"')
      ? {
          status: 401,
          body: {
            message: 'login attempt to http://localhost:5000/v2/ failed with status: 401 Unauthorized',
          },
        }
      : {
          body: {
            Status: 'Login Succeeded',
            IdentityToken: body.includes('"tokens:5000"') ? 'given-token' : '',
          },
        },
  'POST /images/create': { body: ['{"status":"Status: Image is up to date"}'] },
};

/** A home folder of its own, so that nothing of one test is known in the next. */
function newHome(): { readonly HOME: string; readonly env: Record<string, string> } {
  const HOME = mkdtempSync(`${context.engine.folder}/home-`);
  const env = {
    HOME,
    XDG_CONFIG_HOME: '',
    DOCKER_CONFIG: '',
    DBUS_SESSION_BUS_ADDRESS: '',
    PATH: process.env['PATH'] ?? '',
  };
  return { HOME, env };
}

async function authOfPull(env: Record<string, string>, image: string): Promise<unknown> {
  const { asked } = await context.engine.quai(script, ['pull', '-q', image], { env });
  return asked[0]?.auth;
}

/** Docker adds where it keeps passwords, in the open; ours does not. */
function said({ code, stdout, stderr }: Outcome): unknown {
  return {
    code,
    stdout,
    stderr: stderr.replace(/\nWARNING! Your credentials are stored unencrypted[^]*/, '').trim(),
  };
}

test('login asks the engine, and says what Docker says', { skip }, async () => {
  const { engine } = context;
  for (const [words, input] of [
    [['login', '-u', 'me', '--password-stdin', 'localhost:5000'], 'secret\n'],
    [['login', '-u', 'me', '--password-stdin', 'localhost:5000'], 'wrong'],
    [['login', '-u', 'me', '-p', 'secret', 'https://localhost:5000/v2/'], undefined],
    [['login', '-u', 'me', '--password-stdin'], 'secret\r\n'],
    [['login', '-u', 'me'], undefined],
    [['login', '-u', 'me', '--password-stdin', '-p', 'x'], 'x'],
    [['login', '--password-stdin'], 'x'],
    [['login', 'a', 'b'], undefined],
  ] as const) {
    const options = { env: newHome().env, ...(input === undefined ? {} : { input }) };
    const theirs = await engine.docker(script, words, options);
    const ours = await engine.quai(script, words, { ...options, env: newHome().env });
    const line = words.join(' ');
    if (line === 'login -u me') {
      assert.ok(ours.stderr.startsWith(`${theirs.stderr.trim()}\nGive both instead: `), ours.stderr);
    } else if (line !== 'login a b') assert.deepEqual(said(ours), said(theirs), line);
    assert.equal(ours.code, theirs.code, line);
    assert.deepEqual(
      ours.asked.map(({ route, body }) => [route, JSON.parse(body)]),
      theirs.asked.map(({ route, body }) => [route, JSON.parse(body)]),
      line,
    );
  }
});

test('what login kept goes to that registry only, is encrypted, and is gone after logout', {
  skip,
}, async () => {
  const { engine } = context;
  const { HOME, env } = newHome();
  const login = ['login', '-u', 'me', '--password-stdin', 'localhost:5000'];
  assert.equal((await engine.quai(script, login, { env, input: 'very-secret' })).code, 0);

  assert.deepEqual(await authOfPull(env, 'localhost:5000/app'), {
    username: 'me',
    password: 'very-secret',
    serveraddress: 'localhost:5000',
  });
  assert.equal(await authOfPull(env, 'busybox'), undefined);
  assert.equal(await authOfPull(env, 'localhost:5001/app'), undefined);

  const file = path.join(HOME, '.config/quai/credentials.json');
  const key = path.join(HOME, '.local/share/quai/credentials.key');
  const content = readFileSync(file, 'utf8');
  assert.doesNotMatch(content, /very-secret|localhost/);
  assert.ok(!content.includes(Buffer.from('me:very-secret').toString('base64')));
  assert.deepEqual([statSync(file).mode & 0o777, statSync(key).mode & 0o777], [0o600, 0o600]);

  writeFileSync(key, 'k'.repeat(32));
  const locked = await engine.quai(script, ['pull', 'localhost:5000/app'], { env });
  assert.equal(locked.code, 1);
  assert.match(locked.stderr, /cannot open the credentials in .*; run quai login again$/m);
  assert.equal((await engine.quai(script, login, { env, input: 'again' })).code, 0, 'logging in mends it');

  const logout = await engine.quai(script, ['logout', 'localhost:5000'], { env });
  assert.deepEqual([logout.code, logout.stdout], [0, 'Removing login credentials for localhost:5000\n']);
  assert.equal(await authOfPull(env, 'localhost:5000/app'), undefined);
});

test('an identity token that the registry gave is kept instead of the password', { skip }, async () => {
  const { env } = newHome();
  await context.engine.quai(script, ['login', '-u', 'me', '-p', 'secret', 'tokens:5000'], { env });
  assert.deepEqual(await authOfPull(env, 'tokens:5000/app'), {
    username: 'me',
    serveraddress: 'tokens:5000',
    identitytoken: 'given-token',
  });
});

test("what Docker's command line keeps in the open is used, and logout says that it stays", {
  skip,
}, async () => {
  const { engine } = context;
  const { HOME, env } = newHome();
  for (const server of ['localhost:5000', '']) {
    const words = ['login', '-u', 'theirs', '--password-stdin', ...(server ? [server] : [])];
    assert.equal((await engine.docker(script, words, { env, input: 'open' })).code, 0);
  }
  const theirs = { username: 'theirs', password: 'open' };
  assert.deepEqual(await authOfPull(env, 'localhost:5000/app'), {
    ...theirs,
    serveraddress: 'localhost:5000',
  });
  assert.deepEqual(await authOfPull(env, 'busybox'), {
    ...theirs,
    serveraddress: 'https://index.docker.io/v1/',
  });
  const dockers = await engine.docker(script, ['pull', '-q', 'busybox'], { env });
  assert.deepEqual(await authOfPull(env, 'busybox'), dockers.asked[0]?.auth);

  const again = await engine.quai(script, ['login', 'localhost:5000'], { env });
  assert.match(
    again.stdout,
    /^Authenticating with existing credentials\.\.\. \[Username: theirs\]\n(.*\n)*Login Succeeded\n$/,
  );
  const logout = await engine.quai(script, ['logout', 'localhost:5000'], { env });
  assert.match(logout.stderr, new RegExp(`^WARNING: ${HOME}/\\.docker/config\\.json still has credentials`));
  assert.deepEqual(await authOfPull(env, 'localhost:5000/app'), {
    ...theirs,
    serveraddress: 'localhost:5000',
  });
});

test('credential helpers keep, give and forget, as Docker asks them to', { skip }, async () => {
  const { engine } = context;
  const logs: string[] = [];
  for (const program of ['docker', 'quai'] as const) {
    const { HOME, env } = newHome();
    const helper = path.join(HOME, 'bin/docker-credential-box');
    mkdirSync(path.dirname(helper));
    writeFileSync(
      helper,
      `#!/bin/sh
input=$(cat)
echo "$1 $input" >>"$HOME/log"
case $1 in
store) echo "$input" >"$HOME/kept" ;;
erase) rm -f "$HOME/kept" ;;
get) cat "$HOME/kept" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
esac
`,
    );
    chmodSync(helper, 0o755);
    mkdirSync(path.join(HOME, '.docker'));
    writeFileSync(path.join(HOME, '.docker/config.json'), '{"credHelpers":{"localhost:5000":"box"}}');
    const own = { ...env, PATH: `${path.dirname(helper)}:${env['PATH'] ?? ''}` };
    const run = (words: readonly string[], input = ''): Promise<Outcome> =>
      engine[program](script, words, { env: own, input });
    assert.equal((await run(['login', '-u', 'me', '--password-stdin', 'localhost:5000'], 'secret')).code, 0);
    const { asked } = await run(['pull', '-q', 'localhost:5000/app']);
    assert.deepEqual(asked[0]?.auth, { username: 'me', password: 'secret', serveraddress: 'localhost:5000' });
    assert.equal((await run(['logout', 'localhost:5000'])).code, 0);
    assert.deepEqual(
      (await run(['pull', '-q', 'localhost:5000/app'])).asked
        .map(one => one.auth ?? {})
        .filter(auth => 'password' in (auth as object)),
      [],
    );
    const lines = readFileSync(path.join(HOME, 'log'), 'utf8').split('\n');
    logs.push([...new Set(lines.filter(line => /^(store|erase)/.test(line)))].join('\n'));
    if (program === 'quai') {
      rmSync(helper);
      const { code, stderr } = await run(['pull', 'localhost:5000/app']);
      assert.deepEqual(
        [code, /credential helper docker-credential-box is not installed/.test(stderr)],
        [1, true],
      );
    }
  }
  assert.equal(logs[1], logs[0], 'what the helper was told (ours, then what Docker told)');
});

test('a password is typed on a terminal without being shown', { skip }, async () => {
  await using terminal = context.engine.liveTerminal(script, ['login', 'localhost:5000']);
  await terminal.shows(/Username: /);
  terminal.write('me\r');
  await terminal.shows(/Password: /);
  terminal.write('secrex\x7ft\r');
  assert.equal(await terminal.ended(), 0, terminal.stdout);
  assert.deepEqual(JSON.parse(context.engine.asked[0]?.body ?? ''), {
    username: 'me',
    password: 'secret',
    serveraddress: 'localhost:5000',
  });
  assert.match(terminal.stdout, /Username: me\r\nPassword: \r\nLogin Succeeded\r\n/);
  assert.doesNotMatch(terminal.stdout, /secre/);
});
