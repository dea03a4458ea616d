import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { makeBusyboxArchive } from '../support/busybox-image.ts';
import { until } from '../support/until.ts';
import { compatEngine, skip } from './compat-engine.ts';

/** The part of dockerode that is used here; it ships no types. */
interface Dockerode {
  ping(): Promise<Buffer>;
  version(): Promise<{ ApiVersion: string; Components: { Name: string }[] }>;
  info(): Promise<{ Containers: number; OSType: string }>;
  createContainer(options: object): Promise<DockerodeContainer>;
  getContainer(id: string): DockerodeContainer;
  listContainers(options?: object): Promise<{ Id: string; Names: string[]; State: string; Status: string }[]>;
  listImages(): Promise<{ RepoTags: string[] }[]>;
  loadImage(archive: Readable): Promise<Readable>;
  createVolume(
    options: object,
  ): Promise<{ name: string; remove(): Promise<void>; inspect(): Promise<{ Name: string }> }>;
  createNetwork(
    options: object,
  ): Promise<{ id: string; inspect(): Promise<{ Name: string }>; remove(): Promise<void> }>;
  getEvents(options: object): Promise<Readable>;
  run(
    image: string,
    command: string[],
    output: Writable | Writable[],
    options?: object,
  ): Promise<[{ StatusCode: number }, DockerodeContainer]>;
  pruneContainers(): Promise<{ ContainersDeleted: string[] | null }>;
  readonly modem: {
    demuxStream(stream: Readable, stdout: Writable, stderr: Writable): void;
    followProgress(stream: Readable, done: (error: Error | null, output: object[]) => void): void;
  };
}

interface DockerodeContainer {
  readonly id: string;
  start(): Promise<void>;
  stop(options?: object): Promise<void>;
  restart(options?: object): Promise<void>;
  kill(options?: object): Promise<void>;
  pause(): Promise<void>;
  unpause(): Promise<void>;
  remove(options?: object): Promise<void>;
  rename(options: { name: string }): Promise<void>;
  resize(options: { h: number; w: number }): Promise<void>;
  wait(): Promise<{ StatusCode: number }>;
  inspect(): Promise<{ Name: string; State: { Status: string; ExitCode: number; Paused: boolean } }>;
  top(): Promise<{ Titles: string[]; Processes: string[][] }>;
  attach(options: object): Promise<Readable & Writable>;
  logs(options: object): Promise<Buffer & Readable>;
  exec(options: object): Promise<{
    start(options: object): Promise<Readable & Writable>;
    inspect(): Promise<{ ExitCode: number; Running: boolean }>;
    resize(options: object): Promise<void>;
  }>;
}

const engine = compatEngine();

function connect(): Dockerode {
  // A CommonJS module without types; the interfaces above say what is used of it.
  const Client = createRequire(import.meta.url)('dockerode') as new (options: object) => Dockerode;
  return new Client({ socketPath: engine.daemon.socketPath });
}

/** Both streams of a multiplexed one, to its end. */
async function demultiplexed(docker: Dockerode, stream: Readable): Promise<[string, string]> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, stdout, stderr);
  const texts = Promise.all([text(stdout), text(stderr)]);
  await once(stream, 'end');
  stdout.end();
  stderr.end();
  return await texts;
}

test('dockerode: ping, version, info, images (S003, S007)', { skip }, async () => {
  const docker = connect();
  assert.equal(String(await docker.ping()), 'OK');
  assert.match((await docker.version()).ApiVersion, /^1\.\d\d$/);
  assert.equal((await docker.info()).OSType, 'linux');
  assert.deepEqual((await docker.listImages())[0]?.RepoTags, ['busybox:latest']);
});

test('dockerode: create, attach, start, wait, logs, remove, with demuxStream (S008)', { skip }, async () => {
  const docker = connect();
  const container = await docker.createContainer({
    Image: 'busybox',
    name: 'rode',
    Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
  });
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  const texts = demultiplexed(docker, stream);
  await container.start();
  assert.equal((await container.wait()).StatusCode, 3);
  assert.deepEqual(await texts, ['out\n', 'err\n']);
  const logs = await container.logs({ stdout: true, stderr: false });
  assert.equal(logs.subarray(8).toString(), 'out\n');
  assert.equal((await container.inspect()).State.ExitCode, 3);
  await container.remove();
  await assert.rejects(container.inspect(), { statusCode: 404, reason: 'no such container' });
});

test('dockerode: attach with input over a hijacked connection (S008)', { skip }, async () => {
  const docker = connect();
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sh', '-c', 'read line; echo "<$line>"'],
    OpenStdin: true,
    StdinOnce: true,
  });
  const stream = await container.attach({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: true,
    hijack: true,
  });
  const texts = demultiplexed(docker, stream);
  await container.start();
  stream.write('typed\n');
  assert.deepEqual(await texts, ['<typed>\n', '']);
});

test('dockerode: run() with a terminal, and following logs (S008)', { skip }, async () => {
  const docker = connect();
  const output = new PassThrough();
  const shown = text(output);
  const [{ StatusCode }, ran] = await docker.run('busybox', ['sh', '-c', 'tty; exit 4'], output, {
    Tty: true,
  });
  assert.deepEqual([StatusCode, await shown], [4, '/dev/pts/0\r\n']);
  await ran.remove();
  const ticking = await docker.createContainer({
    Image: 'busybox',
    Tty: true,
    Cmd: ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.1; done'],
  });
  await ticking.start();
  const logs = await ticking.logs({ follow: true, stdout: true });
  assert.equal(await text(logs), '1\r\n2\r\n3\r\n');
});

test('dockerode: exec with input, status and size (S008, S088)', { skip }, async () => {
  const docker = connect();
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '100'] });
  await container.start();
  const exec = await container.exec({
    Cmd: ['sh', '-c', 'cat; echo end >&2; exit 5'],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({ hijack: true, stdin: true });
  const texts = demultiplexed(docker, stream);
  stream.end('input');
  assert.deepEqual(await texts, ['input', 'end\n']);
  assert.deepEqual(await exec.inspect().then(({ ExitCode, Running }) => [ExitCode, Running]), [5, false]);
});

test('dockerode: pause, unpause, rename, top, resize, restart, stop, kill, list, prune (S008)', {
  skip,
}, async () => {
  const docker = connect();
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sleep', '100'], Tty: true });
  await container.start();
  await container.pause();
  assert.equal((await container.inspect()).State.Paused, true);
  await container.unpause();
  await container.rename({ name: 'renamed' });
  await container.resize({ h: 20, w: 70 });
  assert.equal((await container.top()).Processes.length, 1);
  const [listed] = await docker.listContainers({ filters: { name: ['renamed'] } });
  assert.deepEqual([listed?.Id, listed?.Names, listed?.State], [container.id, ['/renamed'], 'running']);
  await container.restart({ t: 0 });
  await container.stop({ t: 0 });
  await assert.rejects(container.stop(), { statusCode: 304 });
  await assert.rejects(container.kill(), { statusCode: 409 });
  assert.deepEqual((await docker.pruneContainers()).ContainersDeleted, [container.id]);
});

test('dockerode: events, volumes, networks, loading with progress (S008)', { skip }, async () => {
  const docker = connect();
  const events = await docker.getEvents({ filters: { type: ['volume'] } });
  let seen = '';
  events.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  const volume = await docker.createVolume({ Name: 'rode-volume' });
  await volume.remove();
  await until('the event', () => /"Action":"destroy"/.test(seen));
  (events as Readable & { destroy(): void }).destroy();
  const network = await docker.createNetwork({ Name: 'rode-network' });
  assert.equal((await network.inspect()).Name, 'rode-network');
  await network.remove();
  const progress = await docker.loadImage(createReadStream(await makeBusyboxArchive()));
  const { promise, resolve, reject } = Promise.withResolvers<object[]>();
  docker.modem.followProgress(progress, (error, output) => (error ? reject(error) : resolve(output)));
  assert.deepEqual((await promise).at(-1), { stream: 'Loaded image: busybox:latest\n' });
});
