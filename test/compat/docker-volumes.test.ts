import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { compatEngine, loadImage, skip } from './compat-engine.ts';
import { dockerTerminal } from './live-program.ts';

const engine = compatEngine();

/** A new folder on the host, below the engine's own. */
function hostFolder(name: string): string {
  const path = `${engine.daemon.folder}/${name}`;
  mkdirSync(path);
  return path;
}

test("docker run -v HOST:CTR shows the host's files, both ways (S071, S165, S362)", { skip }, async () => {
  const folder = hostFolder('data');
  writeFileSync(`${folder}/from-host`, 'host');
  await using terminal = dockerTerminal(
    engine.daemon,
    'run',
    '--rm',
    '-it',
    '-v',
    `${folder}:/data`,
    'busybox',
    '/bin/sh',
  );
  await terminal.shows(/\/ # /);
  terminal.write('cat /data/from-host; echo; touch /data/file; exit\r');
  assert.equal(await terminal.ended(), 0);
  assert.match(terminal.stdout, /\r\nhost\r\n/);
  assert.ok(existsSync(`${folder}/file`));
});

test('docker run -v HOST:CTR:ro and --mount …,readonly cannot be written to (S187)', { skip }, async () => {
  const folder = hostFolder('fixed');
  writeFileSync(`${folder}/file`, 'kept');
  for (const words of [
    ['-v', `${folder}:/data:ro`],
    ['--mount', `type=bind,src=${folder},dst=/data,readonly`],
  ]) {
    const { stderr } = await engine.refused(
      'run',
      '--rm',
      ...words,
      'busybox',
      'sh',
      '-c',
      'echo x > /data/file',
    );
    assert.match(stderr, /Read-only file system/);
  }
  assert.equal(readFileSync(`${folder}/file`, 'utf8'), 'kept');
});

test('docker run -v …:z and :Z work, also where there is no SELinux, and inspect shows them', {
  skip,
}, async () => {
  const folder = hostFolder('labelled');
  writeFileSync(`${folder}/file`, 'read');
  for (const mode of ['z', 'Z', 'ro,z', 'Z,ro']) {
    assert.equal(await engine.run('-v', `${folder}:/data:${mode}`, 'busybox', 'cat', '/data/file'), 'read');
  }
  await engine.ok(
    'create',
    '--name',
    'labelled',
    '-v',
    `${folder}:/a:Z`,
    '-v',
    'some:/b:z',
    'busybox',
    'true',
  );
  const shown = await engine.ok('inspect', '--format', '{{range .Mounts}}{{.Mode}} {{end}}', 'labelled');
  assert.deepEqual(shown.trim().split(' ').toSorted(), ['Z', 'z']);
  await engine.ok('rm', 'labelled');
  await engine.ok('volume', 'rm', 'some');
});

test('docker run -v FILE:FILE binds one file; a missing source of -v becomes a folder, of --mount is refused (S071)', {
  skip,
}, async () => {
  const file = `${engine.daemon.folder}/single`;
  writeFileSync(file, 'one file');
  assert.equal(await engine.run('-v', `${file}:/etc/single`, 'busybox', 'cat', '/etc/single'), 'one file');
  const missing = `${engine.daemon.folder}/missing/deep`;
  await engine.ok('run', '--rm', '-v', `${missing}:/data`, 'busybox', 'true');
  assert.ok(statSync(missing).isDirectory());
  const { code, stderr } = await engine.refused(
    'run',
    '--rm',
    '--mount',
    `type=bind,src=${missing}/x,dst=/data`,
    'busybox',
    'true',
  );
  assert.equal(code, 125);
  assert.match(
    stderr,
    new RegExp(`invalid mount config for type "bind": bind source path does not exist: ${missing}/x`),
  );
});

test('docker run -v NAME:/path makes the volume, and keeps its data (S072, S161, S162, S174, S342, S363)', {
  skip,
}, async () => {
  await engine.ok('run', '--rm', '-v', 'dataVolume:/data', 'busybox', 'sh', '-c', 'echo kept > /data/file');
  assert.match(await engine.ok('volume', 'ls', '-q'), /^dataVolume$/m);
  assert.equal(await engine.run('-v', 'dataVolume:/elsewhere', 'busybox', 'cat', '/elsewhere/file'), 'kept');
  await engine.ok('volume', 'rm', 'dataVolume');
});

test('without a volume, data goes with the container (S161, S343)', { skip }, async () => {
  await engine.ok('run', '--name', 'db', 'busybox', 'sh', '-c', 'mkdir /data; echo gone > /data/file');
  await engine.ok('rm', 'db');
  assert.match(
    (await engine.refused('run', '--name', 'db', 'busybox', 'cat', '/data/file')).stderr,
    /No such file/,
  );
});

test('data bases keep their files in a volume over containers and versions (S160, S163, S164, S342)', {
  skip,
}, async () => {
  await loadImage(engine, {
    tags: ['database:1'],
    config: {
      Cmd: ['sh', '-c', 'echo row >> /var/lib/db/table; cat /var/lib/db/table'],
      Volumes: { '/var/lib/db': {} },
      User: '999',
    },
    extra: [
      { path: 'var/lib/', type: 'directory', mode: 0o755 },
      { path: 'var/lib/db/', type: 'directory', mode: 0o700, uid: 999, gid: 999 },
    ],
  });
  await engine.ok('run', '--name', 'db', '-v', 'dbdata:/var/lib/db', 'database:1');
  await engine.ok('rm', '-v', 'db');
  assert.equal(await engine.run('-v', 'dbdata:/var/lib/db', 'database:1'), 'row\nrow');
  await engine.ok('volume', 'rm', 'dbdata');
});

test('docker volume create, ls, inspect, rm (S167, S168, S169, S170, S171, S172, S166, S178, S364)', {
  skip,
}, async () => {
  assert.equal(await engine.ok('volume', 'create', '--label', 'tier=db', 'volume-test'), 'volume-test');
  const [head, row] = (await engine.ok('volume', 'ls')).split('\n');
  assert.match(head ?? '', /^DRIVER +VOLUME NAME$/);
  assert.match(row ?? '', /^local +volume-test$/);
  const [volume] = JSON.parse(await engine.ok('volume', 'inspect', 'volume-test')) as Record<
    string,
    unknown
  >[];
  assert.deepEqual(Object.keys(volume ?? {}).sort(), [
    'CreatedAt',
    'Driver',
    'Labels',
    'Mountpoint',
    'Name',
    'Options',
    'Scope',
  ]);
  assert.deepEqual(
    [volume?.['Driver'], volume?.['Scope'], volume?.['Labels'], volume?.['Options']],
    ['local', 'local', { tier: 'db' }, null],
  );
  const path = String(volume?.['Mountpoint']);
  assert.equal(path, `${engine.daemon.root}/volumes/volume-test/_data`);
  assert.ok(statSync(path).isDirectory());
  assert.equal(await engine.ok('volume', 'create', 'volume-test'), 'volume-test');
  assert.equal(await engine.ok('volume', 'rm', 'volume-test'), 'volume-test');
  assert.match(
    (await engine.refused('volume', 'inspect', 'volume-test')).stderr,
    /get volume-test: no such volume/,
  );
  assert.equal(existsSync(path), false);
  assert.match(
    (await engine.refused('volume', 'create', '-d', 'nosuch', 'xyz')).stderr,
    /plugin "nosuch" not found|nosuch/,
  );
  assert.match(
    (await engine.refused('volume', 'create', 'a/b')).stderr,
    /includes invalid characters for a local volume name/,
  );
});

test('a volume made beforehand is attached later, and cannot go while it is used (S177, S386)', {
  skip,
}, async () => {
  await engine.ok('volume', 'create', 'before');
  const id = await engine.started('user', '-v', 'before:/data', 'busybox', 'sleep', '100');
  const { code, stderr } = await engine.refused('volume', 'rm', 'before');
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`remove before: volume is in use - \\[${id}\\]`));
  assert.equal(
    await engine.inspect('user', '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}'),
    'volume before /data true',
  );
  await engine.ok('rm', '-f', 'user');
  await engine.ok('volume', 'rm', 'before');
});

test('one volume in several containers shares its data at once (S164, S175)', { skip }, async () => {
  await engine.started('writer', '-v', 'shared:/w', 'busybox', 'sleep', '100');
  await engine.started('reader', '-v', 'shared:/r:ro', 'busybox', 'sleep', '100');
  await engine.ok('exec', 'writer', 'sh', '-c', 'echo fresh > /w/file');
  assert.equal(await engine.ok('exec', 'reader', 'cat', '/r/file'), 'fresh');
  await engine.refused('exec', 'reader', 'touch', '/r/x');
  await engine.ok('rm', '-f', 'writer', 'reader');
  await engine.ok('volume', 'rm', 'shared');
});

test('--volumes-from gives the volumes of another container, running or not; :ro too (S085, S176)', {
  skip,
}, async () => {
  await engine.ok('create', '--name', 'holder', '-v', 'held:/held', '-v', '/anonymous', 'busybox');
  await engine.ok(
    'run',
    '--rm',
    '--volumes-from',
    'holder',
    'busybox',
    'sh',
    '-c',
    'echo 1 > /held/x; echo 2 > /anonymous/x',
  );
  assert.equal(
    await engine.run(
      '--volumes-from',
      'holder:ro',
      'busybox',
      'sh',
      '-c',
      'cat /held/x /anonymous/x; touch /held/y 2>/dev/null || echo refused',
    ),
    '1\n2\nrefused',
  );
  assert.match(
    (await engine.refused('run', '--volumes-from', 'nosuch', 'busybox', 'true')).stderr,
    /^docker: Error response from daemon: No such container: nosuch/,
  );
  await engine.ok('rm', '-v', 'holder');
  assert.equal(await engine.ok('volume', 'ls', '-q'), 'held');
  await engine.ok('volume', 'rm', 'held');
});

test('docker volume prune removes anonymous volumes nobody uses, -a named ones too (S173)', {
  skip,
}, async () => {
  await engine.ok('volume', 'create', 'named');
  await engine.ok('run', '--name', 'used', '-v', '/data', 'busybox', 'true');
  await engine.ok('run', '--name', 'left', '-v', '/data', 'busybox', 'true');
  const anonymous = await engine.inspect('left', '{{range .Mounts}}{{.Name}}{{end}}');
  await engine.ok('rm', 'left');
  assert.match(await engine.ok('volume', 'ls', '-qf', 'dangling=true'), new RegExp(`^${anonymous}$`, 'm'));
  assert.match(
    await engine.ok('volume', 'prune', '-f'),
    new RegExp(`^Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: `),
  );
  assert.equal((await engine.ok('volume', 'ls', '-q')).split('\n').length, 2);
  assert.match(await engine.ok('volume', 'prune', '-af'), /^Deleted Volumes:\nnamed\n/);
});

test("a new volume takes content, owner and mode of the image's folder (S183)", { skip }, async () => {
  await loadImage(engine, {
    tags: ['owned'],
    extra: [
      { path: 'srv/', type: 'directory', mode: 0o2770, uid: 1234, gid: 1235 },
      { path: 'srv/seed', content: 'seed', mode: 0o640, uid: 1234, gid: 1235 },
    ],
  });
  const show = ['stat', '-c', '%u:%g %a', '/srv', '/srv/seed'];
  assert.equal(await engine.run('-v', 'fresh:/srv', 'owned', ...show), '1234:1235 2770\n1234:1235 640');
  assert.equal(await engine.run('-v', 'fresh:/srv', 'owned', 'cat', '/srv/seed'), 'seed');
  assert.equal(await engine.run('-v', '/srv', 'owned', ...show), '1234:1235 2770\n1234:1235 640');
  await engine.refused(
    'run',
    '--rm',
    '--mount',
    'src=empty,dst=/srv,volume-nocopy',
    'owned',
    'cat',
    '/srv/seed',
  );
  await engine.ok('volume', 'rm', 'fresh', 'empty');
  const folder = hostFolder('as-it-is');
  chownSync(folder, 4321, 4322);
  chmodSync(folder, 0o1750);
  assert.equal(
    await engine.run('-v', `${folder}:/srv`, 'owned', 'sh', '-c', 'stat -c "%u:%g %a" /srv; ls /srv'),
    '4321:4322 1750',
    'a bind mount has what the directory of the host has, and is not filled',
  );
});

test('--mount: volume, bind and tmpfs with their options; --tmpfs with size and mode (S187)', {
  skip,
}, async () => {
  const script = 'grep " /t " /proc/mounts | cut -d" " -f3,4; stat -c %a /t';
  assert.match(
    await engine.run('--tmpfs', '/t:size=2m,mode=1750,noexec', 'busybox', 'sh', '-c', script),
    /^tmpfs rw,.*noexec.*size=2048k.*\n1750$/,
  );
  assert.match(
    await engine.run('--mount', 'type=tmpfs,dst=/t,tmpfs-size=1m', 'busybox', 'sh', '-c', script),
    /^tmpfs rw,.*size=1024k/,
  );
  assert.equal(
    await engine.run('--mount', 'type=volume,src=mounted,dst=/v', 'busybox', 'sh', '-c', 'touch /v/x; ls /v'),
    'x',
  );
  await engine.ok('volume', 'rm', 'mounted');
  const cases: readonly (readonly [string, RegExp])[] = [
    ['type=nosuch,dst=/x', /mount type (unknown|"nosuch")|nosuch/],
    ['type=bind,dst=/x', /invalid mount config for type "bind": field Source must not be empty/],
    [
      'type=volume,src=v',
      /invalid mount config for type "volume": field Target must not be empty|target is required/,
    ],
    ['type=bind,src=/tmp,dst=relative', /mount path must be absolute/],
  ];
  for (const [mount, message] of cases)
    assert.match(
      (await engine.refused('run', '--rm', '--mount', mount, 'busybox', 'true')).stderr,
      message,
      mount,
    );
});

test('paths that make no sense are refused (S071)', { skip }, async () => {
  assert.match(
    (await engine.refused('run', '--rm', '-v', '/tmp:relative', 'busybox', 'true')).stderr,
    /invalid volume specification: '\/tmp:relative'|mount path must be absolute/,
  );
  assert.match(
    (await engine.refused('run', '--rm', '-v', '/tmp:/', 'busybox', 'true')).stderr,
    /destination can't be '\/'/,
  );
  assert.match(
    (await engine.refused('run', '--rm', '-v', '/tmp:/x', '-v', '/etc:/x', 'busybox', 'true')).stderr,
    /Duplicate mount point: \/x/,
  );
});

test('a data container holds a volume; helpers back it up and bring it back, owners and modes kept (S184, S185, S186, S366)', {
  skip,
}, async () => {
  const backups = hostFolder('backups');
  await loadImage(engine, {
    tags: ['graphite-data'],
    config: { Cmd: ['true'], User: '4321:4322', Volumes: { '/store': {} } },
    extra: [{ path: 'store/', type: 'directory', mode: 0o750, uid: 4321, gid: 4322 }],
  });
  await engine.ok('run', '--name', 'data', 'graphite-data');
  await engine.ok(
    'run',
    '--rm',
    '--volumes-from',
    'data',
    'graphite-data',
    'sh',
    '-c',
    'umask 027; echo metric > /store/file',
  );
  const helper = ['--rm', '-u', '0', '-v', `${backups}:/backup`, '--volumes-from'];
  await engine.ok('run', ...helper, 'data', 'graphite-data', 'tar', '-cf', '/backup/backup.tar', '/store');
  await engine.ok('rm', '-v', 'data');

  await engine.ok('run', '--name', 'new', 'graphite-data');
  await engine.ok('run', ...helper, 'new', 'graphite-data', 'tar', '-xf', '/backup/backup.tar', '-C', '/');
  const show = ['sh', '-c', 'cat /store/file; stat -c "%u:%g %a" /store /store/file'];
  assert.equal(
    await engine.run('--volumes-from', 'new', 'graphite-data', ...show),
    'metric\n4321:4322 750\n4321:4322 640',
  );
});

test('a file is bound read-only, over one of the image and where there is none', { skip }, async () => {
  for (const option of ['/etc/passwd:/one:ro', '/etc/passwd:/etc/passwd:ro'])
    assert.equal(
      await engine.run('-v', option, 'busybox', 'sh', '-c', `test -s ${option.split(':')[1]} && echo ok`),
      'ok',
    );
  const mount = 'type=bind,src=/etc/passwd,dst=/one,ro,bind-recursive=readonly,bind-propagation=rprivate';
  assert.match(
    (await engine.docker(['run', '--rm', '--mount', mount, 'busybox', 'sh', '-c', 'echo x > /one'])).stderr,
    /Read-only file system/,
  );
});
