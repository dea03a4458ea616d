import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { makeBusyboxArchive } from '../support/busybox-image.ts';
import { tarOf } from '../support/image-archive.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const engine = compatEngine();

test("docker images lists images in Docker's columns, with sizes for people (S095, S096, S097)", {
  skip,
}, async () => {
  const [head = '', ...rows] = (await engine.ok('images')).split('\n');
  assert.match(head, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
  assert.equal(rows.length, 1);
  assert.match(
    rows[0] ?? '',
    /^busybox +latest +[0-9a-f]{12} +\d+ (days|weeks|months|years) ago +\d+(\.\d+)?MB$/,
  );
  await loadImage(engine, { tags: ['tiny:1'], extra: [] });
  assert.equal(
    await engine.ok('images', '-q', 'tiny'),
    (await engine.inspect('tiny:1', '{{.Id}}')).slice(7, 19),
  );
  await engine.ok('rmi', 'tiny:1');
});

test('docker images: filters, --format, --no-trunc and names (S095)', { skip }, async () => {
  await loadImage(engine, { tags: ['team/app:1', 'team/app:2'], config: { Labels: { tier: 'web' } } });
  assert.equal(
    await engine.ok('images', '--format', '{{.Repository}}:{{.Tag}}', '-f', 'label=tier=web'),
    'team/app:1\nteam/app:2',
  );
  assert.equal(await engine.ok('images', '--format', '{{.Tag}}', '-f', 'reference=team/*:2'), '2');
  assert.equal(await engine.ok('images', '--format', '{{.Tag}}', 'team/app'), '1\n2');
  assert.match(await engine.ok('images', '-q', '--no-trunc', 'busybox'), /^sha256:[0-9a-f]{64}$/);
  await engine.ok('rmi', 'team/app:1', 'team/app:2');
});

test('docker tag gives names in all three name spaces; docker rmi takes them away one by one (S031, S032, S033, S102, S108)', {
  skip,
}, async () => {
  await loadImage(engine, { tags: ['mine:1'], config: { Labels: { only: 'here' } } });
  const id = await engine.inspect('mine:1', '{{.Id}}');
  const names = [
    'root-name:latest',
    'polytech/ts-node:2',
    'localhost:5000/myapache:latest',
    'registry.example.org:443/a/b/c:v1',
  ];
  for (const name of names) await engine.ok('tag', 'mine:1', name);
  for (const name of names) assert.equal(await engine.inspect(name, '{{.Id}}'), id, name);
  assert.match(
    await engine.refused('rmi', id.slice(7, 19)).then(({ stderr }) => stderr),
    /image is referenced in multiple repositories/,
  );
  for (const name of names) assert.equal(await engine.ok('rmi', name), `Untagged: ${name}`);
  assert.match(await engine.ok('rmi', 'mine:1'), new RegExp(`^Untagged: mine:1\nDeleted: ${id}`));
  assert.match((await engine.refused('inspect', 'mine:1')).stderr, /No such object: mine:1/);
  assert.match(
    (await engine.refused('tag', 'busybox', 'Upper/Case')).stderr,
    /invalid reference format: repository name .*must be lowercase/,
  );
});

test('docker rmi and docker image rm of several, of absent and of used images (S102, S103, S386)', {
  skip,
}, async () => {
  await engine.ok('tag', 'busybox', 'one:1');
  await engine.ok('tag', 'busybox', 'two:1');
  assert.equal(await engine.ok('image', 'rm', 'one:1', 'two:1'), 'Untagged: one:1\nUntagged: two:1');
  const absent = await engine.refused('rmi', 'nosuch:1');
  assert.equal(absent.code, 1);
  assert.match(absent.stderr, /^Error response from daemon: No such image: nosuch:1$/m);
  const id = await engine.started('user', 'busybox', 'sleep', '100');
  const used = await engine.refused('rmi', 'busybox');
  assert.match(
    used.stderr,
    new RegExp(
      `conflict: unable to remove repository reference "busybox" \\(must force\\) - container ${id.slice(0, 12)} is using its referenced image [0-9a-f]{12}`,
    ),
  );
  const image = (await engine.inspect('busybox', '{{.Id}}')).slice(7, 19);
  assert.match(
    (await engine.refused('rmi', '-f', image)).stderr,
    new RegExp(
      `conflict: unable to delete ${image} \\(cannot be forced\\) - image is being used by running container ${id.slice(0, 12)}`,
    ),
  );
});

test('docker import makes an image from a file system, from a file and from standard input (S112)', {
  skip,
}, async () => {
  const tar = tarOf([
    { path: 'hello', content: 'imported' },
    { path: 'bin/', type: 'directory', mode: 0o755 },
  ]);
  const path = `${engine.daemon.folder}/my-image.tar`;
  writeFileSync(path, tar);
  const id = await engine.ok(
    'import',
    '-m',
    'brought in',
    '-c',
    'CMD ["/bin/x"]',
    '-c',
    'ENV A=b',
    path,
    'imported:1',
  );
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  assert.equal(
    await engine.inspect('imported:1', '{{json .Config.Cmd}} {{json .Config.Env}} {{.Comment}}'),
    '["/bin/x"] ["A=b"] brought in',
  );
  const piped = await engine.docker(['import', '-', 'imported:2'], { input: tar });
  assert.equal(piped.code, 0, piped.stderr);
  await engine.ok('create', '--name', 'made', 'imported:1');
  await engine.ok('rm', 'made');
  await engine.ok('rmi', 'imported:1', 'imported:2');
});

test('docker import of an archive made by docker save points to docker load (S372)', { skip }, async () => {
  const { stderr } = await engine.refused('import', await makeBusyboxArchive(), 'wrong:1');
  assert.match(stderr, /docker load/);
  assert.equal(await engine.ok('images', '-q', 'wrong'), '');
});

test('docker load tells what it loaded; broken archives are refused (S112)', { skip }, async () => {
  assert.equal(await engine.ok('load', '-i', await makeBusyboxArchive()), 'Loaded image: busybox:latest');
  const { code, stderr } = await engine.docker(['load'], { input: 'this is no archive' });
  assert.equal(code, 1);
  assert.match(stderr, /Error|error|invalid|unrecognized/);
  const cut = await engine.docker(['load'], { input: Buffer.alloc(100_000, 'x') });
  assert.equal(cut.code, 1);
});

test('docker image inspect shows what images carry (S025)', { skip }, async () => {
  await loadImage(engine, {
    tags: ['full:1'],
    config: {
      Cmd: ['a'],
      Entrypoint: ['b'],
      Env: ['X=1'],
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/v': {} },
      WorkingDir: '/w',
      User: 'u',
      Labels: { l: '1' },
      StopSignal: 'SIGINT',
    },
  });
  assert.equal(
    await engine.ok(
      'image',
      'inspect',
      '-f',
      '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Env}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{.Config.WorkingDir}} {{.Config.User}} {{json .Config.Labels}} {{.Config.StopSignal}} {{.Os}}/{{.Architecture}}',
      'full:1',
    ),
    `["b"] ["a"] ["X=1"] {"80/tcp":{}} {"/v":{}} /w u {"l":"1"} SIGINT linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  );
  await engine.ok('rmi', 'full:1');
});

test('docker image prune removes what has no name; docker system df and info count', { skip }, async () => {
  await loadImage(engine, { tags: ['moving:1'], config: { Labels: { v: '1' } } });
  await loadImage(engine, { tags: ['moving:1'], config: { Labels: { v: '2' } } });
  assert.equal((await engine.ok('images', '-qf', 'dangling=true')).length, 12);
  assert.match(
    await engine.ok('image', 'prune', '-f'),
    /^Deleted Images:\n(untagged: .*\n)?deleted: sha256:[0-9a-f]{64}\n[^]*Total reclaimed space: /,
  );
  assert.equal(await engine.ok('images', '-qf', 'dangling=true'), '');
  assert.equal(await engine.ok('info', '-f', '{{.Images}}'), '2');
  assert.match(await engine.ok('system', 'df'), /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +0 /);
  await engine.ok('rmi', 'moving:1');
});

test('docker version, info and the reference of images that are not here (S003, S044, S387)', {
  skip,
}, async () => {
  assert.match(
    await engine.ok('version', '-f', '{{.Server.APIVersion}} {{.Client.APIVersion}}'),
    /^1\.\d\d 1\.50$/,
  );
  assert.equal(
    await engine.ok('info', '-f', '{{.OSType}} {{.LoggingDriver}} {{.LiveRestoreEnabled}}'),
    'linux json-file true',
  );
  const { code, stderr } = await engine.refused('run', '--pull', 'never', 'nosuch:9', 'true');
  assert.equal(code, 125);
  assert.match(stderr, /No such image: nosuch:9/);
  const pulled = await engine.refused('run', 'nosuch:9', 'true');
  assert.match(pulled.stderr, /^Unable to find image 'nosuch:9' locally$/m);
});

test('docker history shows the layers of an image, newest first (S104, S369)', { skip }, async () => {
  await loadImage(engine, { tags: ['layers:1'], extra: [{ path: 'big', content: 'x'.repeat(5000) }] });
  const [head = '', ...rows] = (await engine.ok('history', 'layers:1')).split('\n');
  assert.match(head, /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
  assert.equal(rows.length, 2);
  assert.match(rows[0] ?? '', /^[0-9a-f]{12} .* layer 1 +\S+B/);
  assert.match(rows[1] ?? '', /^<missing> .* layer 0 +1\.\d+MB/);
  await engine.ok('rmi', 'layers:1');
});
