import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listMountsBelow } from '#sys/mount';
import { busyboxMissing, makeBusyboxArchive } from '../../support/busybox-image.ts';
import { cannotRunDocker, startDaemon, type TestDaemon } from '../../support/daemon.ts';

const skip = cannotRunDocker || busyboxMissing();

/** An image with content, and a special owner and mode, where it declares a volume. */
async function startWithImage(): Promise<TestDaemon> {
  const archive = await makeBusyboxArchive({
    tags: ['vol:latest'],
    config: { Volumes: { '/data': {} } },
    extra: [
      { path: 'data', type: 'directory', mode: 0o2775, uid: 1000, gid: 1001 },
      { path: 'data/file', content: 'hello', mode: 0o640, uid: 1000, gid: 1001 },
      { path: 'conf', content: '' },
    ],
  });
  const daemon = await startDaemon();
  const { code, stderr } = await daemon.docker(['load', '-i', archive]);
  assert.equal(code, 0, stderr);
  return daemon;
}

/** Output of a container that ended well. */
async function run(daemon: TestDaemon, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.docker(['run', '--rm', '--network', 'none', ...words]);
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

async function refused(daemon: TestDaemon, ...words: string[]): Promise<string> {
  const { code, stderr } = await daemon.docker(['run', '--rm', '--network', 'none', ...words, 'vol', 'true']);
  assert.notEqual(code, 0);
  return stderr;
}

async function volumeNames(daemon: TestDaemon): Promise<string[]> {
  const { body } = await daemon.call('GET', '/volumes');
  return (body as { Volumes: { Name: string }[] }).Volumes.map(({ Name }) => Name);
}

test('a volume of the image is filled with its content, owner and mode, and goes with --rm', {
  skip,
}, async () => {
  await using daemon = await startWithImage();
  assert.match(
    await run(daemon, 'vol', 'stat', '-c', '%u:%g %a', '/data', '/data/file'),
    /^1000:1001 2775\n1000:1001 640$/,
  );
  assert.deepEqual(await volumeNames(daemon), []);
});

test('a named volume is filled once, kept, shared, and refused to go while it is used', {
  skip,
}, async () => {
  await using daemon = await startWithImage();
  assert.equal(await run(daemon, '-v', 'named:/data', 'vol', 'cat', '/data/file'), 'hello');
  await run(daemon, '-v', 'named:/x', 'vol', 'sh', '-c', 'rm /x/file');
  assert.equal(
    await run(
      daemon,
      '-v',
      'named:/x:ro',
      '-v',
      'empty:/y',
      'vol',
      'sh',
      '-c',
      'touch /x/a 2>/dev/null; ls /x /y',
    ),
    '/x:\n\n/y:',
  );

  const { stdout: id } = await daemon.docker([
    'create',
    '--network',
    'none',
    '-v',
    'named:/data',
    'vol',
    'true',
  ]);
  assert.deepEqual(await daemon.call('DELETE', '/volumes/named'), {
    status: 409,
    body: { message: `remove named: volume is in use - [${id.trim()}]` },
  });
  await daemon.docker(['rm', id.trim()]);
  assert.equal((await daemon.call('DELETE', '/volumes/named')).status, 204);
  assert.deepEqual(await daemon.call('DELETE', '/volumes/named'), {
    status: 404,
    body: { message: 'get named: no such volume' },
  });
  assert.deepEqual((await daemon.call('POST', '/v1.50/volumes/prune')).body, {
    VolumesDeleted: [],
    SpaceReclaimed: 0,
  });
  assert.deepEqual(await volumeNames(daemon), ['empty']);
});

test('what a container emptied stays empty when it starts again', { skip }, async () => {
  await using daemon = await startWithImage();
  const script = 'ls /data; rm -f /data/*';
  const first = await daemon.docker([
    'run',
    '--name',
    'again',
    '--network',
    'none',
    'vol',
    'sh',
    '-c',
    script,
  ]);
  assert.equal(first.stdout, 'file\n');
  assert.equal((await daemon.docker(['start', '-a', 'again'])).stdout, '');
});

test('--volumes-from shares volumes and binds, read-only when asked', { skip }, async () => {
  await using daemon = await startWithImage();
  const shared = join(daemon.folder, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'host'), '');
  await daemon.docker([
    'run',
    '-d',
    '--name',
    'src',
    '--network',
    'none',
    '-v',
    `${shared}:/srv`,
    'vol',
    'sleep',
    '60',
  ]);
  assert.equal(
    await run(daemon, '--volumes-from', 'src', 'vol', 'ls', '/data', '/srv'),
    '/data:\nfile\n\n/srv:\nhost',
  );
  const script = 'touch /data/x /srv/x 2>&1 | grep -c Read-only';
  assert.equal(await run(daemon, '--volumes-from', 'src:ro', 'vol', 'sh', '-c', script), '2');
});

test('bind sources: missing ones, files at directories, and directories at files', { skip }, async () => {
  await using daemon = await startWithImage();
  const missing = join(daemon.folder, 'missing');
  assert.match(
    await refused(daemon, '--mount', `type=bind,src=${missing},dst=/x`),
    new RegExp(`invalid mount config for type "bind": bind source path does not exist: ${missing}`),
  );
  assert.equal(existsSync(missing), false);
  const made = await daemon.docker([
    'run',
    '--rm',
    '--network',
    'none',
    '-v',
    `${missing}:/x`,
    'vol',
    'true',
  ]);
  assert.equal(made.code, 0);
  assert.match(
    made.stderr,
    new RegExp(`^WARNING: bind source path does not exist: ${missing}: a directory will be made`),
  );
  assert.ok(statSync(missing).isDirectory());

  const hint = /Are you trying to mount a directory onto a file \(or vice-versa\)\?/;
  assert.match(await refused(daemon, '-v', '/etc/hostname:/data'), hint);
  assert.match(await refused(daemon, '-v', `${missing}:/conf`), hint);
});

test('tmpfs mounts have the size and mode asked for', { skip }, async () => {
  await using daemon = await startWithImage();
  const script = 'grep " /t " /proc/mounts; stat -c %a /t';
  const option = await run(daemon, '--tmpfs', '/t:size=1m,mode=1770', 'vol', 'sh', '-c', script);
  assert.match(option, /^tmpfs \/t tmpfs rw,.*size=1024k.*\n1770$/);
  const mount = await run(
    daemon,
    '--mount',
    'type=tmpfs,dst=/t,tmpfs-size=2m,tmpfs-mode=0700',
    'vol',
    'sh',
    '-c',
    script,
  );
  assert.match(mount, /^tmpfs \/t tmpfs rw,.*size=2048k.*\n700$/);
});

test('a volume with options is mounted while containers use it, also over a crash of the engine', {
  skip,
}, async () => {
  await using daemon = await startWithImage();
  const options = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' };
  await daemon.call('POST', '/volumes/create', { Name: 'mem', Driver: 'local', DriverOpts: options });
  const script = 'echo kept > /m/file; sleep 60';
  await daemon.docker([
    'run',
    '-d',
    '--name',
    'user',
    '--network',
    'none',
    '-v',
    'mem:/m',
    'vol',
    'sh',
    '-c',
    script,
  ]);
  await daemon.kill9();
  await daemon.start();
  assert.equal((await daemon.docker(['exec', 'user', 'cat', '/m/file'])).stdout, 'kept\n');
  assert.equal(listMountsBelow(join(daemon.root, 'volumes')).length, 1);
  await daemon.docker(['rm', '-f', '-v', 'user']);
  assert.deepEqual(await volumeNames(daemon), ['mem']);
});

test('a part of a volume is mounted and leaves nothing behind', { skip }, async () => {
  await using daemon = await startWithImage();
  await run(
    daemon,
    '-v',
    'named:/x',
    'vol',
    'sh',
    '-c',
    'mkdir -p /x/sub; echo inside > /x/sub/file; ln -s / /x/out',
  );
  const mount = (path: string): string[] => [
    '--mount',
    `type=volume,src=named,dst=/s,volume-subpath=${path}`,
  ];
  assert.equal(await run(daemon, ...mount('sub'), 'vol', 'cat', '/s/file'), 'inside');
  assert.equal(await run(daemon, ...mount('sub/file'), 'vol', 'cat', '/s'), 'inside');
  assert.match(
    await refused(daemon, ...mount('nope')),
    /cannot access path .*\/named\/_data\/nope: no such file or directory/,
  );
  assert.match(
    await refused(daemon, ...mount('../named')),
    /subpath must be a relative path within the volume/,
  );
  // The link leads to the volume's own root, as a root it is.
  assert.equal(await run(daemon, ...mount('out'), 'vol', 'ls', '/s'), 'out\nsub');
});

test('a removed volume leaves no file', { skip }, async () => {
  await using daemon = await startWithImage();
  await run(daemon, '-v', 'named:/data', 'vol', 'true');
  await daemon.docker(['volume', 'rm', 'named']);
  await daemon.restart();
  assert.deepEqual(
    readdirSync(join(daemon.root, 'volumes')).filter(name => !name.startsWith('.')),
    [],
  );
});
