import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { runProgram } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();

test('a name in use is refused with the container that has it (S385)', { skip }, async () => {
  const id = await engine.ok('create', '--name', 'taken', 'busybox');
  const { code, stderr } = await engine.refused('run', '--name', 'taken', 'busybox', 'true');
  assert.equal(code, 125);
  assert.match(
    stderr,
    new RegExp(
      `^docker: Error response from daemon: Conflict\\. The container name "/taken" is already in use by container "${id}"\\. You have to remove \\(or rename\\) that container to be able to reuse that name\\.`,
    ),
  );
});

test('a container that ends at once tells why: status in ps -a, reason in logs (S382)', {
  skip,
}, async () => {
  await loadImage(engine, {
    tags: ['mysql:latest'],
    config: {
      Entrypoint: [
        'sh',
        '-c',
        '[ -n "$MYSQL_ROOT_PASSWORD" ] || { echo "error: database is uninitialized and password option is not specified" >&2; exit 1; }; exec sleep 100',
        'mysql',
      ],
    },
  });
  await engine.ok('run', '-d', '--name', 'db', 'mysql');
  await until('the end', async () => (await engine.inspect('db', '{{.State.Status}}')) === 'exited');
  assert.match(await engine.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}'), /^db Exited \(1\) /);
  assert.match((await engine.docker(['logs', 'db'])).stderr, /password option is not specified/);
  await engine.started('works', '-e', 'MYSQL_ROOT_PASSWORD=root', 'mysql');
  assert.equal(await engine.inspect('works', '{{.State.Running}}'), 'true');
});

test('options behind the image: a warning says where they belong (S373)', { skip }, async () => {
  await loadImage(engine, { tags: ['mysql:latest'], config: { Entrypoint: ['sleep', '1'] } });
  const misplaced = await engine.docker([
    'run',
    '--name',
    'late',
    '-d',
    'mysql',
    '-e',
    'MYSQL_ROOT_PASSWORD=root',
  ]);
  assert.match(
    misplaced.stderr,
    /WARNING: "-e" stands after the image and is passed to the container as its command: options go before the image/,
  );
  const direct = await engine.refused('run', '--rm', 'busybox', '-e', 'A=b');
  assert.match(direct.stderr, /"-e" stands after the image/);
  const ordinary = await engine.docker(['run', '--rm', 'busybox', 'sh', '-e', '-c', 'true']);
  assert.equal(ordinary.stderr, '');
});

test('spelling: one dash, long dashes, curly quotes and near misses, in our own command line (S377, S378)', {
  skip,
}, async () => {
  const said = async (...words: string[]): Promise<string> =>
    (await engine.daemon.quai(['run', ...words, 'busybox', 'true'])).stderr;
  assert.match(await said('-network', 'none'), /unknown option: -network\n.*did you mean --network\?/);
  assert.match(await said('–restart=always'), /unknown option: –restart=always\n.*write --restart=always/);
  assert.match(
    await said('--volume-from', 'x'),
    /unknown option: --volume-from\n.*did you mean --volumes-from\?/,
  );
  assert.match(
    await said('--rm', '-e', '“VARIABLE=value”'),
    /begins with a curly quote.*write -e "VARIABLE=value"/,
  );
  const { stderr } = await engine.docker(['run', '--rm', '-e', '“VARIABLE=value”', 'busybox', 'true']);
  assert.match(
    stderr,
    /WARNING: the environment variable “VARIABLE=value” begins with a curly quote.*write -e "VARIABLE=value"/,
  );
});

test('no engine, and no right to its socket, are told apart (S390)', { skip }, async () => {
  const absent = await engine.docker(['-H', 'unix:///nosuch/quai.sock', 'ps']);
  assert.equal(absent.code, 1);
  assert.match(
    absent.stderr,
    /Cannot connect to the Docker daemon at unix:\/\/\/nosuch\/quai\.sock\. Is the docker daemon running\?/,
  );
  const ours = await engine.daemon.quai(['--host', 'unix:///nosuch/quai.sock', 'ps']);
  assert.equal(ours.code, 1);
  assert.match(
    ours.stderr,
    /Cannot connect to the Quai daemon at unix:\/\/\/nosuch\/quai\.sock\. Is the quai daemon running\?\nStart it with: /,
  );

  const home = mkdtempSync(`${tmpdir()}/quai-home-`);
  chmodSync(home, 0o777);
  chmodSync(engine.daemon.folder, 0o711);
  try {
    const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', 'docker', 'ps'];
    const env = { ...engine.daemon.clientEnv, DOCKER_CONFIG: home };
    const { code, stderr } = await runProgram('setpriv', nobody, { env });
    assert.equal(code, 1);
    assert.match(stderr, /permission denied while trying to connect to the Docker daemon socket/);
  } finally {
    chmodSync(engine.daemon.folder, 0o700);
    rmSync(home, { recursive: true, force: true });
  }
});

test('what is not there is named, by every command', { skip }, async () => {
  for (const command of [
    'start',
    'stop',
    'kill',
    'restart',
    'pause',
    'unpause',
    'rm',
    'logs',
    'attach',
    'top',
    'port',
    'wait',
    'rename',
  ]) {
    const words = command === 'rename' ? ['rename', 'nosuch', 'other'] : [command, 'nosuch'];
    const { code, stderr } = await engine.refused(...words);
    assert.equal(code, 1, command);
    assert.match(stderr, /No such container: nosuch/, command);
  }
  assert.match((await engine.refused('inspect', 'nosuch')).stderr, /No such object: nosuch/);
});

test('an ID prefix that fits several containers is refused', { skip }, async () => {
  const ids = new Set<string>();
  let prefix: string | undefined;
  while (prefix === undefined && ids.size < 20) {
    const id = await engine.ok('create', 'busybox');
    prefix = [...ids].find(other => other.startsWith(id[0] ?? '')) && id[0];
    ids.add(id);
  }
  const { stderr } = await engine.refused('inspect', '--type', 'container', prefix ?? '');
  assert.match(stderr, /[Mm]ultiple IDs found with provided prefix/);
});

test('routes that are not there yet answer 501 and name themselves', { skip }, async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['swarm', 'init'], /not implemented: POST \/swarm\/init/],
    [['service', 'ls'], /not implemented: GET \/services/],
  ];
  for (const [words, message] of cases) assert.match((await engine.refused(...words)).stderr, message);
});

test('names, host names, environments and working folders that make no sense are refused', {
  skip,
}, async () => {
  const refused = async (...words: string[]): Promise<string> => {
    const { code, stderr } = await engine.refused('run', '--rm', ...words, 'busybox', 'true');
    assert.equal(code, 125, stderr);
    return stderr;
  };
  assert.match(
    await refused('--name', 'a b'),
    /Invalid container name \(a b\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed/,
  );
  assert.match(
    await refused('-w', 'relative'),
    /the working directory 'relative' is invalid, it needs to be an absolute path/,
  );
  assert.match(await refused('--stop-signal', 'NOSUCH'), /invalid signal: NOSUCH/);
  assert.match(await refused('-h', 'a b'), /invalid hostname/);
  assert.match(await refused('-e', '=x'), /invalid environment variable: =x/);
});

test('a command that is too long for Linux is refused with a way out', { skip }, async () => {
  const { code, stderr } = await engine
    .refused('run', '--rm', '-e', `BIG=${'x'.repeat(131_072 - 20)}${'y'.repeat(40)}`, 'busybox', 'true')
    .catch((error: unknown) => {
      // The kernel has the same limit for the client's own command line.
      assert.match(String(error), /E2BIG/);
      return { code: 125, stderr: 'E2BIG' };
    });
  assert.equal(code, 125);
  assert.match(stderr, /E2BIG|bytes/);
});

test('quai check lists what the host offers, with a mark per line (S297)', { skip }, async () => {
  const { stdout } = await engine.daemon.quai(['check']);
  for (const word of [
    'overlay',
    'cgroup',
    'seccomp',
    'nftables',
    'conmon',
    'crun',
    'bridge',
    'veth',
    'mnt|mount',
    'pid',
    'uts',
    'ipc',
    'user',
    'net',
  ]) {
    assert.match(stdout, new RegExp(`^\\s*[✓✗!+-].*(${word})`, 'im'), `${word} in\n${stdout}`);
  }
});
