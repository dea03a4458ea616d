import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { dockerProgram } from '../support/daemon.ts';
import { runProgram } from '../support/programs.ts';
import { cannotRunRegistry } from '../support/registry.ts';
import { until } from '../support/until.ts';
import { buildProjects } from './build-project.ts';
import { compatEngine, skip } from './compat-engine.ts';
import { compatRegistry } from './compat-registry.ts';
import { fileServer } from './file-server.ts';
import { LiveProgram } from './live-program.ts';

const skipPush = skip || cannotRunRegistry;
const registry = compatRegistry(skipPush);
const engine = compatEngine();
const project = buildProjects();
const has = (program: string, ...words: string[]): boolean => spawnSync(program, words).status === 0;

/** The part of dockerode that is used here; it ships no types. */
interface Dockerode {
  buildImage(context: object | string | Readable, options: object): Promise<Readable>;
  pruneBuilder?(): Promise<{ SpaceReclaimed: number }>;
  readonly modem: {
    followProgress(stream: Readable, done: (error: Error | null, output: Line[]) => void): void;
  };
}
interface Line {
  readonly stream?: string;
  readonly aux?: { readonly ID: string };
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message: string };
}

function dockerode(): Dockerode {
  const Docker = createRequire(import.meta.url)('dockerode') as new (options: object) => Dockerode;
  return new Docker({ socketPath: engine.daemon.socketPath });
}

async function followed(docker: Dockerode, stream: Readable): Promise<Line[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Line[]>();
  docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output)));
  return await promise;
}

test('docker build -t host/user/repo:1, push, and pull again (S108, S144, S404)', {
  skip: skipPush,
}, async () => {
  const name = `${registry.host}/user/repo:1`;
  const folder = project({
    Dockerfile: 'FROM busybox\nCOPY page /page\nCMD ["cat", "/page"]\n',
    page: 'pushed',
  });
  await engine.ok('build', '-t', name, folder);
  const id = await engine.inspect(name, '{{.Id}}');
  assert.match(await engine.ok('push', name), /\n1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  await engine.ok('rmi', name);
  await engine.ok('builder', 'prune', '-af');
  assert.equal(await engine.run(name), 'pushed', 'pulled again');
  assert.equal(await engine.inspect(name, '{{.Id}}'), id);
  const child = project({ Dockerfile: `FROM ${name}\nRUN cat /page > /copy\nCMD ["cat", "/copy"]\n` });
  await engine.ok('rmi', name);
  await engine.ok('build', '--pull', '-t', 'child', child);
  assert.equal(await engine.run('child'), 'pushed', 'a base image is pulled when a build needs it');
});

test('docker build of a git repository (S140)', {
  skip: skip || (has('git', 'version') ? false : 'no git (apt-get install git)'),
}, async () => {
  const folder = project({
    'app/Dockerfile': 'FROM busybox\nCOPY f /f\nCMD cat /f\n',
    'app/f': 'from git',
    Dockerfile: 'FROM busybox\nCMD echo top\n',
  });
  const git = (...words: string[]): void => {
    const result = spawnSync('git', [
      '-C',
      folder,
      '-c',
      'user.name=x',
      '-c',
      'user.email=x@example.com',
      ...words,
    ]);
    assert.equal(result.status, 0, String(result.stderr));
  };
  git('init', '-q', '-b', 'master');
  git('add', '.');
  git('commit', '-qm', 'first');
  git('update-server-info');
  mkdirSync(join(folder, 'served'));
  renameSync(join(folder, '.git'), join(folder, 'served', 'repo.git'));
  await using server = await fileServer(join(folder, 'served'));
  const { code, stderr } = await engine.docker(['build', '-t', 'git', `${server.url}/repo.git#master:app`], {
    env: { GIT_CONFIG_GLOBAL: '/dev/null' },
  });
  assert.equal(code, 0, stderr);
  assert.equal(await engine.run('git'), 'from git');
  await engine.ok('build', '-t', 'git-top', `${server.url}/repo.git`);
  assert.equal(await engine.run('git-top'), 'top');
});

test('docker build of a Dockerfile and of an archive behind an address', { skip }, async () => {
  const folder = project({
    'served/File': 'FROM busybox\nCMD echo fetched\n',
    'ctx/Dockerfile': 'FROM busybox\nCOPY f /f\nCMD cat /f\n',
    'ctx/f': 'archived',
  });
  assert.equal(
    spawnSync('tar', ['-C', join(folder, 'ctx'), '-czf', join(folder, 'served/c.tar.gz'), '.']).status,
    0,
  );
  await using server = await fileServer(join(folder, 'served'));
  await engine.ok('build', '-t', 'fetched', `${server.url}/File`);
  assert.equal(await engine.run('fetched'), 'fetched');
  await engine.ok('build', '-t', 'archived', `${server.url}/c.tar.gz`);
  assert.equal(await engine.run('archived'), 'archived');
});

test('a client that leaves ends its build, and nothing of it is left', { skip }, async () => {
  const seconds = `10${process.pid}`; // nobody else's
  const folder = project({ Dockerfile: `FROM busybox\nRUN echo begun; sleep ${seconds}\n` });
  await using live = new LiveProgram(dockerProgram() ?? 'docker', ['build', '-t', 'never', folder], {
    DOCKER_HOST: `unix://${engine.daemon.socketPath}`,
  });
  await live.shows(/begun/);
  live.signal('SIGINT');
  await until('the command line has ended', () => live.hasEnded);
  await until(
    'no process of the build is left',
    () => spawnSync('pgrep', ['-f', `^sleep ${seconds}$`]).status === 1,
  );
  assert.equal((await engine.docker(['image', 'inspect', 'never'])).code, 1);
  await engine.ok('build', '-t', 'after', project({ Dockerfile: 'FROM busybox\nRUN true\n' }));
});

test('dockerode: buildImage and followProgress, a failing build, a cached one (S107)', { skip }, async () => {
  const docker = dockerode();
  const folder = project({
    Dockerfile: 'FROM busybox\nARG WHO\nCOPY f /f\nRUN echo hello $WHO\n',
    f: 'x',
    'skipped.log': '',
  });
  const options = { t: 'rode:1', buildargs: { WHO: 'you' }, labels: { a: 'b' }, nocache: false };
  const lines = await followed(
    docker,
    await docker.buildImage({ context: folder, src: ['Dockerfile', 'f'] }, options),
  );
  assert.ok(lines.some(({ stream }) => stream === 'hello you\n'));
  const ID = await engine.inspect('rode:1', '{{.Id}}');
  assert.deepEqual(lines.find(({ aux }) => aux)?.aux, { ID });
  assert.equal(await engine.inspect('rode:1', '{{.Config.Labels.a}}'), 'b');
  const bad = project({ Dockerfile: 'FROM busybox\nRUN exit 5\n' });
  const failed = await followed(
    docker,
    await docker.buildImage({ context: bad, src: ['Dockerfile'] }, { t: 'bad' }),
  );
  const message = "The command '/bin/sh -c exit 5' returned a non-zero code: 5";
  const last = failed.at(-1);
  assert.deepEqual([last?.error, last?.errorDetail?.code, last?.errorDetail?.message], [message, 5, message]);
  const none = project({ Dockerfile: 'FRM busybox\n' });
  await assert.rejects(docker.buildImage({ context: none, src: ['Dockerfile'] }, { t: 'none' }), {
    statusCode: 400,
  });
});

test('what Testcontainers asks for when it builds an image', { skip }, async () => {
  // GenericContainer.fromDockerfile(context).build(): a tar stream, these options, and the answer read to its end
  const docker = dockerode();
  const folder = project({ Dockerfile: 'FROM busybox\nARG A=0\nCMD echo run\n' });
  const lines = await followed(
    docker,
    await docker.buildImage(
      { context: folder, src: ['Dockerfile'] },
      {
        t: 'localhost/5a3c1f7e9b2d:latest',
        dockerfile: 'Dockerfile',
        buildargs: { A: '1' },
        nocache: true,
        registryconfig: { 'registry.example': { username: 'a', password: 'b' } },
        labels: { 'org.testcontainers': 'true', 'org.testcontainers.session-id': 's' },
        target: undefined,
        platform: undefined,
        pull: undefined,
      },
    ),
  );
  assert.match(
    lines.map(({ stream = '' }) => stream).join(''),
    /Successfully tagged localhost\/5a3c1f7e9b2d:latest\n$/,
  );
  assert.equal(await engine.run('localhost/5a3c1f7e9b2d'), 'run');
});

test('docker-py: images.build gives the image and its log, and BuildError', {
  skip:
    skip || (has('python3', '-c', 'import docker') ? false : 'no docker-py (apt-get install python3-docker)'),
}, async () => {
  const folder = project({
    Dockerfile: 'FROM busybox\nARG WHO=x\nCOPY . /c\nRUN echo hello $WHO\n',
    '.dockerignore': 'no\n',
    no: '',
    yes: '',
  });
  const program = `
import docker, io
client = docker.DockerClient(base_url='unix://${engine.daemon.socketPath}', timeout=60)
image, log = client.images.build(path='${folder}', tag='py:1', rm=True, forcerm=True, buildargs={'WHO': 'python'}, labels={'l': 'v'}, pull=False, nocache=True)
print(image.tags, image.labels, 'hello python' in ''.join(line.get('stream', '') for line in log))
print(client.containers.run(image, 'ls /c', remove=True).decode().split())
image, log = client.images.build(fileobj=io.BytesIO(b'FROM busybox\\nCMD echo inline\\n'))
print(client.containers.run(image, remove=True).decode(), end='')
image, log = client.images.build(path='${folder}', dockerfile='Dockerfile', quiet=True, container_limits={'memory': 64 * 1024 * 1024}, shmsize=1024 * 1024, network_mode='none', extra_hosts={'h': '10.0.0.1'})
print(image.short_id.startswith('sha256:'))
try:
    client.images.build(fileobj=io.BytesIO(b'FROM busybox\\nRUN exit 4\\n'))
except docker.errors.BuildError as error:
    print(error.msg)
try:
    client.images.build(fileobj=io.BytesIO(b'FRM busybox\\n'))
except docker.errors.APIError as error:
    print(error.status_code)
print(client.api.prune_builds()['SpaceReclaimed'] >= 0)
`;
  const { code, stdout, stderr } = await runProgram('python3', ['-W', 'ignore', '-c', program]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.trim().split('\n'), [
    "['py:1'] {'l': 'v'} True",
    "['Dockerfile', 'yes']",
    'inline',
    'True',
    "The command '/bin/sh -c exit 4' returned a non-zero code: 4",
    '400',
    'True',
  ]);
});

test('docker-compose: build, up --build, build arguments and a target', {
  skip:
    skip || (has('docker-compose', 'version') ? false : 'no docker-compose (apt-get install docker-compose)'),
}, async () => {
  const folder = project({
    'docker-compose.yml': `version: '2.4'
services:
  app:
    build:
      context: ./app
      dockerfile: app.Dockerfile
      target: run
      args: {WHO: compose}
      labels: {made.by: compose}
    image: composed:1
    command: cat /who
  plain:
    build: ./plain
    command: echo plain
`,
    'app/app.Dockerfile': 'FROM busybox AS run\nARG WHO\nRUN echo $WHO > /who\nFROM busybox\nRUN exit 1\n',
    'plain/Dockerfile': 'FROM busybox\nCOPY f /f\n',
    'plain/f': '1',
  });
  const compose = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram('docker-compose', words, {
      cwd: folder,
      env: {
        DOCKER_HOST: `unix://${engine.daemon.socketPath}`,
        COMPOSE_ANSI: 'never',
        COMPOSE_DOCKER_CLI_BUILD: '0',
        DOCKER_BUILDKIT: '0',
      },
    });
    assert.equal(code, 0, `docker-compose ${words.join(' ')}: ${stdout}${stderr}`);
    return stdout + stderr;
  };
  await compose('build');
  assert.equal(await engine.inspect('composed:1', '{{index .Config.Labels "made.by"}}'), 'compose');
  const up = await compose('up', '--no-color');
  assert.match(up, /\| compose\n/);
  assert.match(up, /\| plain\n/);
  const name = `${basename(folder)}_plain`;
  const before = await engine.docker(['image', 'inspect', '-f', '{{.Id}}', name]);
  writeFileSync(join(folder, 'plain/f'), '2');
  await compose('up', '--build', '--no-color');
  const changed = await engine.docker(['image', 'inspect', '-f', '{{.Id}}', name]);
  assert.equal(before.code, 0, before.stderr);
  assert.notEqual(changed.stdout, before.stdout);
  await compose('down', '-v', '--rmi', 'all');
});
