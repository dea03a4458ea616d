import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from '../support/until.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';
import { liveDocker } from './live-program.ts';

const engine = compatEngine();

test('docker run creates and starts a container, prints its output, and keeps it (S043, S052)', {
  skip,
}, async () => {
  assert.equal(await engine.ok('run', '--name', 'first', 'busybox', 'echo', 'hi there'), 'hi there');
  assert.equal(await engine.inspect('first', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 0');
});

test('docker run needs only the name of an image: command, user and folder come from it (S044)', {
  skip,
}, async () => {
  await loadImage(engine, {
    tags: ['plain:1.0'],
    config: {
      Cmd: ['sh', '-c', 'echo "$PWD $(id -un) $KIND"'],
      WorkingDir: '/var/www',
      User: 'www-data',
      Env: ['KIND=plain'],
    },
  });
  assert.equal(await engine.run('plain:1.0'), '/var/www www-data plain');
});

test('docker run finds an image by tag, latest without one, by digest and by ID, long and short (S029, S030, S044)', {
  skip,
}, async () => {
  const id = await engine.inspect('busybox', '{{.Id}}');
  const names = [
    'busybox',
    'busybox:latest',
    'docker.io/library/busybox',
    `busybox@${id}`,
    id,
    id.slice(7, 19),
  ];
  for (const name of names) assert.equal(await engine.run(name, 'echo', 'ok'), 'ok', name);
  const other = `busybox@sha256:${'0'.repeat(64)}`;
  assert.match(
    (await engine.refused('run', '--pull', 'never', other, 'true')).stderr,
    /No such image: busybox@sha256:0{64}/,
  );
});

test('docker run -d prints the ID and gives the console back (S066)', { skip }, async () => {
  const id = await engine.ok('run', '-d', 'busybox', 'sleep', '100');
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await engine.inspect(id, '{{.State.Running}}'), 'true');
});

test("docker run without -i gives the process an input that has ended; -i gives it the client's (S067)", {
  skip,
}, async () => {
  const words = ['busybox', 'sh', '-c', 'read line; echo "got $line"'];
  const without = await engine.docker(['run', '--rm', ...words], { input: 'text\n' });
  assert.equal(without.stdout, 'got \n');
  const withInput = await engine.docker(['run', '--rm', '-i', ...words], { input: 'text\n' });
  assert.equal(withInput.stdout, 'got text\n');
});

test("docker run -i: the end of the client's input reaches the process, its output still comes (S067)", {
  skip,
}, async () => {
  const { code, stdout } = await engine.docker(
    ['run', '--rm', '-i', 'busybox', 'sh', '-c', 'wc -c; sleep 0.3; echo late'],
    { input: 'a'.repeat(1000) },
  );
  assert.equal(code, 0);
  assert.equal(stdout, '1000\nlate\n');
});

test('docker run -i passes 50 MB through unchanged (S067)', { skip }, async () => {
  const input = randomBytes(50 << 20);
  const { code, stdout, stderr } = await engine.docker(
    ['run', '--rm', '-i', 'busybox', 'sh', '-c', 'tee /dev/stderr | sha256sum'],
    { input },
  );
  // Standard error as text has lost bytes that are no UTF-8: its length is what tells.
  assert.equal(code, 0, stderr.slice(-300));
  assert.equal(stdout.split(' ')[0], createHash('sha256').update(input).digest('hex'));
  assert.ok(stderr.length > 20 << 20);
});

test('docker run keeps standard output and standard error apart (S064)', { skip }, async () => {
  const { stdout, stderr } = await engine.docker([
    'run',
    '--rm',
    'busybox',
    'sh',
    '-c',
    'for i in 1 2 3; do echo out$i; echo err$i >&2; done',
  ]);
  assert.equal(stdout, 'out1\nout2\nout3\n');
  assert.equal(stderr, 'err1\nerr2\nerr3\n');
});

test('docker run shows output as it comes, and all of it, in order (S091)', { skip }, async () => {
  const words = ['run', '--rm', 'busybox', 'sh', '-c', 'echo Running on 0.0.0.0:5000; sleep 100'];
  await using client = liveDocker(engine.daemon, ...words);
  await client.shows(/Running on 0\.0\.0\.0:5000\n/);
  assert.equal(client.hasEnded, false);

  const lines = (await engine.run('busybox', 'seq', '1', '200000')).split('\n');
  assert.equal(lines.length, 200_000);
  assert.ok(lines.every((line, index) => line === String(index + 1)));
});

test("docker run: a command after the image replaces the image's (S086, S353)", { skip }, async () => {
  await loadImage(engine, {
    tags: ['cowsay'],
    config: { Entrypoint: ['sh', '-c', 'echo "< $* >"', 'cowsay'], Cmd: ['moo'] },
  });
  assert.equal(await engine.run('cowsay'), '< moo >');
  assert.equal(await engine.run('cowsay', 'boo'), '< boo >');
  assert.equal(await engine.run('--entrypoint', 'echo', 'cowsay', 'other'), 'other');
  assert.equal(
    await engine.run('--entrypoint', 'id', 'cowsay'),
    'uid=0(root) gid=0(root) groups=0(root),10(wheel)',
  );
  assert.equal(await engine.run('--entrypoint', '', 'cowsay', 'echo', 'none'), 'none');
});

test('docker run --name cont1 hello-world prints its message and ends (S352)', { skip }, async () => {
  await loadImage(engine, {
    tags: ['hello-world:latest'],
    config: { Cmd: ['/bin/cat', '/hello'] },
    extra: [{ path: 'hello', content: '\nHello from Docker!\n' }],
  });
  assert.equal(await engine.ok('run', '--name', 'cont1', 'hello-world'), '\nHello from Docker!');
  assert.equal(await engine.inspect('cont1', '{{.Path}} {{.Config.Image}}'), '/bin/cat hello-world');
});

test('docker run -e, --env-file and the image make the environment (S075)', { skip }, async () => {
  const file = `${engine.daemon.folder}/env`;
  writeFileSync(file, '# comment\nFROM_FILE=file\nFROM_HOST\n');
  const { stdout } = await engine.docker(
    [
      'run',
      '--rm',
      '-e',
      'VARIABLE=value',
      '-e',
      'EMPTY=',
      '-e',
      'FROM_HOST',
      '--env-file',
      file,
      '-h',
      'box',
      'busybox',
      'env',
    ],
    { env: { FROM_HOST: 'host value' } },
  );
  assert.deepEqual(stdout.trim().split('\n').sort(), [
    'EMPTY=',
    'FROM_FILE=file',
    'FROM_HOST=host value',
    'HOME=/root',
    'HOSTNAME=box',
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'VARIABLE=value',
  ]);
});

test('docker run --name, --hostname, --workdir, --user, --label (S077)', { skip }, async () => {
  const script = 'hostname; pwd; id -u; id -g; echo $HOME';
  await engine.ok(
    'run',
    '--name',
    'named',
    '-h',
    'web1',
    '-w',
    '/made/by/run',
    '-u',
    '8:12',
    '-l',
    'a=b',
    'busybox',
    'true',
  );
  assert.equal(await engine.inspect('named', '{{.Config.Labels.a}} {{.Config.Hostname}}'), 'b web1');
  const words = ['-h', 'web1', '-w', '/made/by/run', '-u', '8:12', 'busybox', 'sh', '-c', script];
  assert.equal(await engine.run(...words), 'web1\n/made/by/run\n8\n12\n/var/spool/mail');
  assert.equal(await engine.run('-u', 'nobody', 'busybox', 'sh', '-c', 'id -un; id -gn'), 'nobody\nnogroup');
  assert.equal(
    await engine.run('--group-add', 'audio', '--group-add', '777', 'busybox', 'id', '-G'),
    '0 10 29 777',
  );
  const id = await engine.ok('create', 'busybox');
  assert.equal(await engine.inspect(id, '{{.Config.Hostname}}'), id.slice(0, 12));
});

test('docker run --rm removes the container at its end, and its name is free at once (S078)', {
  skip,
}, async () => {
  for (const round of ['1', '2', '3']) {
    assert.equal(await engine.run('--name', 'again', '-v', '/data', 'busybox', 'echo', round), round);
  }
  assert.equal(await engine.ok('ps', '-aq'), '');
  assert.equal(await engine.ok('volume', 'ls', '-q'), '');
});

test('docker run -d --rm removes the container when it ends (S078)', { skip }, async () => {
  await engine.ok('run', '-d', '--rm', '--name', 'gone', 'busybox', 'sleep', '0.2');
  await until('the removal', async () => (await engine.ok('ps', '-aq')) === '');
});

test('docker run ends with the status of the process; 128+n when signal n ended it (S092)', {
  skip,
}, async () => {
  const status = async (...words: string[]): Promise<number> =>
    (await engine.docker(['run', '--rm', 'busybox', ...words])).code;
  assert.equal(await status('sh', '-c', 'exit 3'), 3);
  assert.equal(await status('sh', '-c', 'exit 255'), 255);
  await engine.started('killed', 'busybox', 'sleep', '100');
  const waiting = engine.ok('wait', 'killed');
  await engine.ok('kill', 'killed');
  assert.equal(await waiting, '137');
});

test("docker run: 125 for the engine's errors, 126 and 127 for commands that cannot run", {
  skip,
}, async () => {
  const failing = async (...words: string[]): Promise<{ code: number; stderr: string }> =>
    await engine.refused('run', ...words);
  const unknown = await failing('--name', 'unknown', 'busybox', 'nosuch');
  assert.equal(unknown.code, 127, unknown.stderr);
  assert.match(unknown.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  assert.doesNotMatch(unknown.stderr, /waiting for container/i);
  assert.equal(await engine.inspect('unknown', '{{.State.Status}} {{.State.ExitCode}}'), 'created 127');
  const missing = await failing('busybox', '/no/such');
  assert.equal(missing.code, 127, missing.stderr);
  assert.match(missing.stderr, /exec: "\/no\/such": stat \/no\/such: no such file or directory/);
  for (const path of ['/etc', '/etc/passwd']) {
    const { code, stderr } = await failing('--rm', '--name', 'brief', '-v', '/data', 'busybox', path);
    assert.equal(code, 126, stderr);
    assert.match(stderr, path === '/etc' ? /is a directory/ : /permission denied/);
    assert.doesNotMatch(stderr, /waiting for container/i);
    assert.equal(await engine.ok('ps', '-aq', '-f', 'name=brief'), '');
  }
  const folder = await failing('--rm', '-w', '/etc/passwd', 'busybox', 'true');
  assert.notEqual(folder.code, 0);
  const user = await failing('--rm', '-u', 'nosuchuser', 'busybox', 'true');
  assert.match(user.stderr, /unable to find user nosuchuser: no matching entries in passwd file/);
  assert.equal(user.code, 125, user.stderr);
  assert.equal((await failing('--rm', '--memory', '1k', 'busybox', 'true')).code, 125);
  assert.equal((await failing('--nosuch', 'busybox')).code, 125);
});

test('docker run --cidfile writes the ID, and refuses a file that is there', { skip }, async () => {
  const file = `${engine.daemon.folder}/cid`;
  await engine.ok('run', '--name', 'cid', '--cidfile', file, 'busybox', 'true');
  assert.equal(readFileSync(file, 'utf8'), await engine.inspect('cid', '{{.Id}}'));
  const { code, stderr } = await engine.refused('run', '--cidfile', file, 'busybox', 'true');
  assert.equal(code, 125);
  assert.match(stderr, /container ID file found, make sure the other container isn't running or delete/);
  assert.ok(existsSync(file));
});

test("docker run --sig-proxy hands the client's signals to the process", { skip }, async () => {
  const script = 'trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
  await using client = liveDocker(engine.daemon, 'run', '--name', 'proxy', 'busybox', 'sh', '-c', script);
  await client.shows(/ready/);
  client.signal('SIGTERM');
  assert.equal(await client.ended(), 9);
  assert.match(client.stdout, /caught/);
});

test('docker run -a stdout shows only that stream', { skip }, async () => {
  const words = ['run', '--rm', '-a', 'stdout', 'busybox', 'sh', '-c', 'echo out; echo err >&2'];
  const { stdout, stderr } = await engine.docker(words);
  assert.deepEqual([stdout, stderr], ['out\n', '']);
});

test('twenty docker run --rm at once all work, each with its own output (S059, S060)', { skip }, async () => {
  const outputs = await Promise.all(
    Array.from({ length: 20 }, (_, index) => engine.run('busybox', 'echo', `number ${index}`)),
  );
  assert.deepEqual(
    outputs,
    outputs.map((_, index) => `number ${index}`),
  );
  assert.equal(await engine.ok('ps', '-aq'), '');
});
