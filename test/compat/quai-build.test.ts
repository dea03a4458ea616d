import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ProgramResult, runProgram } from '../support/programs.ts';
import { screenOf } from '../support/screen.ts';
import { until } from '../support/until.ts';
import { buildProjects } from './build-project.ts';
import { compatEngine, skip } from './compat-engine.ts';
import { fileServer } from './file-server.ts';
import { LiveProgram } from './live-program.ts';

const engine = compatEngine();
const project = buildProjects();
const QUAI = fileURLToPath(new URL('../../quai', import.meta.url));

/** `quai …words`, which must end well: standard output. */
async function quai(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await engine.daemon.quai(words);
  assert.equal(code, 0, `quai ${words.join(' ')}: ${stdout}${stderr}`);
  return stdout.trimEnd();
}

/** On a terminal of 24 rows and 80 columns. */
async function onTerminal(...words: string[]): Promise<ProgramResult> {
  const quoted = [QUAI, ...words].map(word => `'${word}'`).join(' ');
  return await runProgram('script', ['-qefc', `stty rows 24 cols 80; exec ${quoted}`, '/dev/null'], {
    env: { ...engine.daemon.clientEnv, TERM: 'xterm' },
  });
}

/** What stays on the screen: what was written over is gone. */
function lastScreen(output: string): string {
  return screenOf(output).join('\n');
}

test('quai build prints and makes what docker build does (S107, S137)', { skip }, async () => {
  const folder = project({
    Dockerfile:
      'FROM busybox\nARG A\nRUN echo "<$A>" | tee /a; echo err >&2\nCOPY f /f\nLABEL l=1\nCMD ["cat","/f"]\n',
    f: 'file',
  });
  const words = ['build', '--build-arg', 'A=x', '-t', 'same', folder];
  await engine.ok(...words); // both find it in the cache
  const theirs = (await engine.docker(words)).stdout;
  const ours = (await engine.daemon.quai(words)).stdout;
  const withoutSize = (text: string): string => text.replace(/daemon +\S+B/, 'daemon');
  assert.equal(withoutSize(ours), withoutSize(theirs));
  assert.match(ours, /Using cache/);
  assert.equal(await quai('run', '--rm', 'same'), 'file');
  assert.equal(await quai('build', '-q', folder), await engine.ok('build', '-q', folder));
});

test('quai build on a terminal shows every step with its time, and what it is at', { skip }, async () => {
  const folder = project({
    Dockerfile:
      'FROM busybox AS one\nRUN for i in 1 2 3; do echo "line $i"; sleep 1; done\nFROM busybox\nCOPY --from=one /bin/busybox /copied\n',
  });
  const first = await onTerminal('build', '-t', 'shown:1', folder);
  assert.equal(first.code, 0, first.stdout);
  assert.match(first.stdout, /\| line 2/, 'while it runs');
  const screen = lastScreen(first.stdout);
  assert.match(screen, /^Built in \d+\.\ds \((\d+)\/\1\)$/m);
  assert.match(screen, /^\+ \[one 2\/2\] RUN for i in 1 2 3; .* \d\.\ds$/m);
  assert.doesNotMatch(screen, /line 2/, 'of a step that is over only its name stays');
  assert.match(screen, /^Image [0-9a-f]{12}: shown:1$/m);
  const again = lastScreen((await onTerminal('build', '-t', 'shown:1', folder)).stdout);
  assert.match(again, /^= CACHED \[one 2\/2\] RUN for/m);
});

test('quai build shows the lines of the Dockerfile that failed, and ends with their code', {
  skip,
}, async () => {
  const folder = project({ Dockerfile: 'FROM busybox\n\nRUN echo tried && \\\n    exit 42\nCMD x\n' });
  const excerpt = / 2 \|\n 3 \| >>> RUN echo tried && \\\n 4 \| >>> {5}exit 42\n 5 \| {5}CMD x\n/;
  const plain = await engine.daemon.quai(['build', folder]);
  assert.equal(plain.code, 42);
  assert.match(plain.stderr, excerpt);
  assert.match(
    plain.stderr,
    /\nThe command '\/bin\/sh -c echo tried && +exit 42' returned a non-zero code: 42\n$/,
  );
  const shown = await onTerminal('build', folder);
  assert.equal(shown.code, 42);
  const screen = lastScreen(shown.stdout);
  assert.match(screen, /^Failed after /m);
  assert.match(screen, /^x \[2\/2\] RUN echo tried .*\n {4}\| tried$/m);
  assert.match(`${screen}\n`, excerpt);
  const wrong = project({ Dockerfile: 'FROM busybox\nRUN true\nCOPYY a b\n' });
  for (const run of [() => engine.daemon.quai(['build', wrong]), () => onTerminal('build', wrong)]) {
    const { code, stdout, stderr } = await run();
    assert.equal(code, 1);
    assert.match(
      (stdout + stderr).replaceAll('\r', ''),
      / 3 \| >>> COPYY a b\n[\s\S]*unknown instruction: COPYY/i,
    );
  }
});

test('secrets are there for RUN, and neither in the image nor in its history', { skip }, async () => {
  const folder = project({
    Dockerfile: [
      'FROM busybox',
      'RUN --mount=type=secret,id=word,required=true md5sum < /run/secrets/word > /sum',
      'RUN --mount=type=secret,id=other,target=/key,mode=0440 stat -c "%a" /key > /mode && test ! -e /run/secrets/word',
      'CMD cat /sum /mode; ls -A /run/secrets /key 2>&1; true',
    ].join('\n'),
    secret: 'canary-5b2f',
    '.dockerignore': 'secret',
  });
  const words = [
    'build',
    '-t',
    'secrets',
    '--secret',
    `id=word,src=${join(folder, 'secret')}`,
    '--secret',
    'id=other,env=OTHER',
  ];
  const { code, stdout, stderr } = await engine.daemon.quai([...words, folder], {
    env: { OTHER: 'canary-9c1d' },
  });
  assert.equal(code, 0, stdout + stderr);
  const ran = await quai('run', '--rm', 'secrets');
  assert.match(ran, /^[0-9a-f]{32} {2}-\n440\n/);
  await quai('save', '-o', join(folder, 'image.tar'), 'secrets');
  for (const text of [readFileSync(join(folder, 'image.tar'), 'latin1'), engine.daemon.log, stdout])
    assert.doesNotMatch(text, /canary-/);
  const missing = await engine.daemon.quai(['build', '--no-cache', folder]);
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /word/);
});

test('--no-cache-filter builds only its stages again', { skip }, async () => {
  const folder = project({
    Dockerfile:
      'FROM busybox AS a\nRUN head -c 9 /dev/urandom | md5sum > /a\nFROM busybox\nCOPY --from=a /a /a\nRUN head -c 9 /dev/urandom | md5sum > /b\nCMD cat /a /b\n',
  });
  await quai('build', '-t', 'filtered', folder);
  const before = (await quai('run', '--rm', 'filtered')).split('\n');
  const last = await quai('build', '-t', 'filtered', '--no-cache-filter', 'a', folder);
  assert.match(last, /Successfully tagged filtered:latest/);
  const after = (await quai('run', '--rm', 'filtered')).split('\n');
  assert.notEqual(after[0], before[0]);
});

test('the engine fetches what lies elsewhere: a git repository, an archive, a Dockerfile (S140)', {
  skip: skip || (spawnSync('git', ['version']).status === 0 ? false : 'no git (apt-get install git)'),
}, async () => {
  const folder = project({
    'r/app/Dockerfile': 'FROM busybox\nCOPY f /f\nCMD cat /f\n',
    'r/app/f': 'from git',
    'served/File': 'FROM busybox\nCMD echo fetched\n',
  });
  const git = (...words: string[]): void => {
    const { status, stderr } = spawnSync('git', [
      '-C',
      join(folder, 'r'),
      '-c',
      'user.name=x',
      '-c',
      'user.email=x@example.com',
      ...words,
    ]);
    assert.equal(status, 0, String(stderr));
  };
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-qm', 'first');
  git('update-server-info');
  mkdirSync(join(folder, 'served'), { recursive: true });
  renameSync(join(folder, 'r', '.git'), join(folder, 'served', 'repo.git'));
  assert.equal(
    spawnSync('tar', ['-C', join(folder, 'r/app'), '-czf', join(folder, 'served/c.tar.gz'), '.']).status,
    0,
  );
  await using server = await fileServer(join(folder, 'served'));
  await quai('build', '-t', 'git', `${server.url}/repo.git#main:app`);
  assert.equal(await quai('run', '--rm', 'git'), 'from git');
  await quai('build', '-t', 'fetched', `${server.url}/File`);
  assert.equal(await quai('run', '--rm', 'fetched'), 'fetched');
  await quai('build', '-t', 'archived', `${server.url}/c.tar.gz`);
  assert.equal(await quai('run', '--rm', 'archived'), 'from git');
});

test('notes: a context that is too large to be meant, and the whole file system', { skip }, async () => {
  const folder = project({ Dockerfile: 'FROM busybox\n', 'node_modules/x': '' });
  spawnSync('truncate', ['-s', '300M', join(folder, 'node_modules/x')]);
  const { code, stderr } = await engine.daemon.quai(['build', folder]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Note: the build context is large, 31\dMB in \d files so far: node_modules 31\dMB/);
  assert.match(stderr, /\.dockerignore/);
  assert.equal(existsSync('/Dockerfile'), false);
  const root = await engine.daemon.quai(['build', '/']);
  assert.match(root.stderr, /^Note: the build context is the whole file system/);
  assert.equal(root.code, 1);
});

for (const mode of ['plain', 'tty'] as const) {
  test(`Ctrl-C of quai build (${mode}) says that the build was cancelled, ends its step, and what was under way is marked`, {
    skip,
  }, async () => {
    const sleep = `sleep ${1_000_000 + process.pid}`;
    const folder = project({
      Dockerfile: `FROM busybox\nRUN echo begun; ${sleep}\nRUN <<EOF\ntrue\nEOF\n`,
    });
    const { clientEnv } = engine.daemon;
    await using build = new LiveProgram(QUAI, ['build', `--progress=${mode}`, folder], clientEnv);
    await until('the step runs', () => /(?:^|\| )begun/m.test(build.stdout + build.stderr));
    build.signal('SIGINT');
    assert.equal(await build.ended(), 130);
    assert.match(build.stderr, /ERROR: the build was cancelled\n$/);
    if (mode === 'tty') {
      assert.match(lastScreen(build.stderr), /Cancelled after [\d.]+s/);
      assert.match(lastScreen(build.stderr), /CANCELED +.*RUN echo begun/);
    }
    await until('the engine has ended the step', async () => {
      const { code } = await runProgram('pgrep', ['-f', `^${sleep}$`]);
      return code !== 0;
    });
  });
}

test('quai builder prune and system prune empty the cache as Docker’s command line does', {
  skip,
}, async () => {
  const folder = project({ Dockerfile: 'FROM busybox\nRUN head -c 200000 /dev/urandom > /r\n' });
  await quai('build', '-t', 'gone', folder);
  await quai('rmi', 'gone');
  assert.match(await quai('builder', 'prune', '-f', '--filter', 'until=24h'), /^Total reclaimed space: 0B$/);
  assert.match(
    await quai('builder', 'prune', '-f', '--filter', 'description=urandom'),
    /^Deleted build cache objects:\n(\w+\n)+\nTotal reclaimed space: [1-9]/,
  );
  await quai('build', '-t', 'gone', folder);
  await quai('rmi', 'gone');
  writeFileSync(join(folder, 'x'), '');
  assert.match(await quai('system', 'prune', '-af'), /Deleted build cache objects:\n/);
  assert.match(await quai('system', 'df', '--format', '{{.Type}} {{.TotalCount}}'), /^Build Cache 0$/m);
});
