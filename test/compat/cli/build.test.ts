import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type TarEntry } from '#spec/tar/tar-entry';
import { TarParser } from '#spec/tar/tar-parser';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import type { AskedFor, Outcome, Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();
const ID = `sha256:${'1d2c'.repeat(16)}`;
const lines = (...all: object[]): string[] => all.map(line => JSON.stringify(line));

const BUILT = lines(
  { stream: 'Step 1/2 : FROM busybox' },
  { stream: '\n' },
  { status: 'Pulling from library/busybox', id: 'latest' },
  { status: 'Downloading', progressDetail: { current: 5, total: 10 }, progress: '[==>  ]', id: 'abc' },
  { status: 'Status: Downloaded newer image for busybox:latest' },
  { stream: ' ---> 1d2c1d2c1d2c\n' },
  { stream: 'Step 2/2 : RUN make' },
  { stream: '\n' },
  { stream: '\u001b[91mwarning: \u001b[0m odd\tü\r\n' },
  { aux: { ID } },
  { stream: 'Successfully built 1d2c1d2c1d2c\n' },
  { stream: 'Successfully tagged a:1\n' },
);
const script: Script = { 'POST /build': { body: BUILT } };

const folder = mkdtempSync(join(tmpdir(), 'quai-docker-build-'));
after(() => rmSync(folder, { recursive: true }));

function project(name: string, files: Readonly<Record<string, string>>): string {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, file, '..'), { recursive: true });
    writeFileSync(join(folder, name, file), content);
  }
  return join(folder, name);
}

const plain = project('plain', { Dockerfile: 'FROM busybox\nRUN make\n', 'sub/a': 'a', 'sub/b.log': 'b' });
symlinkSync('sub/a', join(plain, 'link'));
const ruled = project('ruled', {
  '.dockerignore': '# no logs\n**/*.log\nDockerfile\n!keep.log\nempty\n.git\n',
  Dockerfile: 'FROM busybox\n',
  'keep.log': '',
  'deep/x.log': '',
  'deep/er/y': 'y',
  '.git/config': '',
  'empty/x': '',
});

/** Both with the same words: what is printed, asked for and sent has to be the same. @returns what ours did. */
async function same(
  words: readonly string[],
  given: Script = script,
  options: Parameters<typeof context.engine.docker>[2] = {},
): Promise<Outcome> {
  const theirs = await context.engine.docker(given, words, options);
  const ours = await context.engine.quai(given, words, options);
  const line = words.join(' ');
  assert.equal(
    withoutSize(ours.stdout),
    withoutSize(theirs.stdout),
    `${line}: standard output (ours, then Docker's)`,
  );
  assert.equal(
    withoutSize(ours.stderr),
    withoutSize(withoutAdvice(theirs.stderr)),
    `${line}: standard error`,
  );
  assert.equal(ours.code, theirs.code, `${line}: exit status`);
  assert.deepEqual(queries(ours.asked), queries(theirs.asked), `${line}: parameters`);
  assert.deepEqual(sentFiles(ours.asked), sentFiles(theirs.asked), `${line}: context`);
  return ours;
}

/** Docker's client pads its archive to other lengths. */
function withoutSize(text: string): string {
  return text.replace(/(Sending build context to Docker daemon) +\S+B/, '$1');
}

function withoutAdvice(stderr: string): string {
  return stderr.replace(/^DEPRECATED: [\s\S]*?\n\n/, '');
}

function queries(asked: readonly AskedFor[]): object[] {
  return asked.map(({ route, query }) => {
    const { dockerfile = '', ...rest } = query;
    const values = Object.entries(rest)
      .filter(([, value]) => value !== '')
      .map(([key, value]) => [key, /^[[{]/.test(value) ? listed(value) : value]);
    // of what is sent from elsewhere the name is made up
    const name = dockerfile.replace(/^\.dockerfile\..*/, '.dockerfile');
    return { route, ...Object.fromEntries(values), dockerfile: name };
  });
}

/** Filters come as lists of values, or as the older objects of them. */
function listed(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const isSet = Object.values(value).length > 0 && Object.values(value).every(each => each === true);
    return isSet ? Object.keys(value) : value;
  });
}

function sentFiles(asked: readonly AskedFor[]): string[] {
  const body = asked.at(-1)?.body ?? '';
  const files: string[] = [];
  let entry: TarEntry | undefined;
  let content = '';
  const parser = new TarParser({
    entry: next => {
      entry = next;
      content = '';
    },
    data: bytes => {
      content += bytes.toString();
    },
    endEntry: () => {
      if (!entry) return;
      const { type, path, mode, uid, gid, linkPath, mtimeSeconds } = entry;
      const isMadeUp = path.startsWith('.dockerfile.') || content.includes('.dockerfile.');
      const name = path.replace(/^(\.dockerfile)\..*/, '$1');
      const said = content
        .replaceAll(/\.dockerfile\.[0-9a-f]+/g, '.dockerfile')
        .trim()
        .split(/\n+/)
        .toSorted()
        .join('|');
      files.push([type, name, ...(isMadeUp ? [] : [mode, mtimeSeconds]), uid, gid, linkPath, said].join(' '));
    },
  });
  if (body !== '') parser.write(Buffer.from(body));
  return files.toSorted();
}

test("build: Docker's parameters, context and output (S137, S138, S139)", { skip }, async () => {
  await same(['build', plain]);
  await same(['image', 'build', '-t', 'a:1', '-t', 'b', '--no-cache', '--pull', plain]);
  await same([
    'builder',
    'build',
    '--build-arg',
    'A=1',
    '--build-arg',
    'HOME',
    '--build-arg',
    'NOT_SET_AT_ALL',
    plain,
  ]);
  const options =
    '--label a=b --label c --add-host h:1.2.3.4 --network none --target dev --rm=false --force-rm --shm-size 64m --ulimit nofile=10:20 --ulimit nproc=3';
  await same(['build', ...options.split(' '), plain]);
  const limits =
    '-m 64m --memory-swap 128m -c 2 --cpu-period 1000 --cpu-quota 500 --cpuset-cpus 0 --cpuset-mems 0 --cgroup-parent /x --cache-from a,b --security-opt seccomp=unconfined';
  await same(['build', ...limits.split(' '), plain]);
  await same(['build', '--platform', 'linux/arm64', '-f', join(plain, 'Dockerfile'), plain]);
  await same(['build', '.'], script, { cwd: plain });
  await same(['build', '..', '-f', 'a'], script, { cwd: join(plain, 'sub') });
});

test('build: .dockerignore, a Dockerfile from elsewhere and from standard input', { skip }, async () => {
  await same(['build', ruled]);
  await same(['build', '-f', join(plain, 'Dockerfile'), ruled]);
  await same(['build', '-f', '-', ruled], script, { input: 'FROM busybox\n' });
  await same(['build', '-f', '-', plain], script, { input: 'FROM busybox\n' });
  const tar = Buffer.concat([tarEntry({ path: 'x/Dockerfile' }, 'FROM busybox\n'), TAR_END]);
  await same(['build', '-f', 'x/Dockerfile', '-'], script, { input: tar });
  const theirs = await context.engine.docker(script, ['build', '-'], { input: 'FROM busybox\n' });
  const ours = await context.engine.quai(script, ['build', '-'], { input: 'FROM busybox\n' });
  assert.deepEqual(queries(ours.asked), queries(theirs.asked));
  assert.match(ours.asked[0]?.body ?? '', /^Dockerfile\0[\s\S]*FROM busybox\n/);
});

test('build: failures end with the code of the command, -q and --iidfile as with Docker', {
  skip,
}, async () => {
  const failed = lines(
    { stream: 'Step 1/1 : RUN x\n' },
    { errorDetail: { code: 3, message: 'it failed' }, error: 'it failed' },
  );
  assert.equal((await same(['build', plain], { 'POST /build': { body: failed } })).code, 3);
  const odd = lines({ errorDetail: { message: 'it failed' }, error: 'it failed' });
  assert.equal((await same(['build', plain], { 'POST /build': { body: odd } })).code, 1);
  await same(['build', plain], { 'POST /build': { status: 500, body: { message: 'no room' } } });
  const quiet = { 'POST /build': { body: lines({ stream: `${ID}\n` }) } };
  assert.equal((await same(['build', '-q', plain], quiet)).stdout, `${ID}\n`);
  const file = join(folder, 'id');
  for (const program of ['docker', 'quai'] as const) {
    await context.engine[program](script, ['build', '--iidfile', file, plain]);
    assert.equal(readFileSync(file, 'utf8'), ID);
  }
  await same(['build', '--iidfile', file, plain], { 'POST /build': { body: lines({ stream: 'x' }) } });
  assert.equal(existsSync(file), false);
});

test('build: what cannot be built is refused in the same words', { skip }, async () => {
  for (const words of [
    ['build', join(folder, 'nowhere')],
    ['build', '-f', '-', '-'],
  ]) {
    await same(words);
  }
  for (const [words, first] of [
    [['build', join(plain, 'Dockerfile')], /^unable to prepare context: context must be a directory: /],
    [
      ['build', '-f', join(plain, 'None'), plain],
      /^unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat /,
    ],
    [['build', '-t', 'UPPER', plain], /^invalid argument "UPPER" for "-t, --tag" flag: /],
    [['build', '--ulimit', 'nofoo=1', plain], /^invalid argument "nofoo=1" for "--ulimit" flag: /],
    [['build', '--label', '=x', plain], /^invalid argument "=x" for "--label" flag: /],
  ] as const) {
    const theirs = await context.engine.docker(script, words);
    const ours = await context.engine.quai(script, words);
    assert.match(ours.stderr, first);
    assert.match(withoutAdvice(theirs.stderr), first);
    assert.deepEqual([ours.code, ours.asked], [theirs.code, theirs.asked], words.join(' '));
  }
});

test('builder prune: the same questions, requests and words', { skip }, async () => {
  const pruned: Script = {
    'POST /build/prune': { body: { CachesDeleted: ['a', 'b'], SpaceReclaimed: 1840 } },
  };
  for (const words of [
    ['builder', 'prune', '-f'],
    ['builder', 'prune', '-f', '-a', '--filter', 'until=24h', '--filter', 'type=regular'],
  ]) {
    await same(words, pruned);
  }
  const kept = await context.engine.quai(pruned, ['builder', 'prune', '-f', '--keep-storage', '1k']);
  assert.deepEqual(kept.asked[0]?.query, { 'keep-storage': '1024', 'reserved-space': '1024' });
  const refused = await context.engine.quai(pruned, ['builder', 'prune'], { input: 'n\n' });
  assert.match(refused.stdout, /^WARNING! This will remove all dangling build cache\./);
  assert.deepEqual(refused.asked, []);
});

test('build on a terminal shows an engine of another kind in its own words', { skip }, async () => {
  const { stdout } = await context.engine.onTerminal('quai', script, ['build', plain]);
  assert.match(stdout, /Step 2\/2 : RUN make/);
  assert.match(stdout, /Successfully tagged a:1/);
});
