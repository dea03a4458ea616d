import assert from 'node:assert/strict';
import { chmodSync, linkSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { buildProjects } from './build-project.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();
const project = buildProjects();

/** `docker build -t NAME …words`, which must end well: what it printed. */
async function build(name: string, ...words: string[]): Promise<string> {
  return await engine.ok('build', '-t', name, ...words);
}

async function config(image: string): Promise<Record<string, unknown>> {
  return JSON.parse(await engine.ok('image', 'inspect', '-f', '{{json .Config}}', image)) as Record<
    string,
    unknown
  >;
}

test('docker build makes an image of a Dockerfile, in the steps that the classic builder tells of (S107, S115, S116, S117, S119, S130, S137, S139)', {
  skip,
}, async () => {
  const folder = project({
    Dockerfile: '# a comment\nFROM busybox\nRUN echo built > /made\n\n  # another\nCMD ["cat", "/made"]\n',
  });
  const output = await build('first', folder);
  assert.match(
    output,
    /^Sending build context to Docker daemon +\S+B\s+Step 1\/3 : FROM busybox\n ---> [0-9a-f]{12}\nStep 2\/3 : RUN echo built > \/made\n( ---> .*\n)*Step 3\/3 : CMD \["cat", "\/made"\]\n( ---> .*\n)*Successfully built [0-9a-f]{12}\nSuccessfully tagged first:latest$/,
  );
  const id = await engine.ok('image', 'inspect', '-f', '{{.Id}}', 'first');
  assert.match(output, new RegExp(`Successfully built ${id.slice(7, 19)}\n`));
  assert.equal(await engine.run('first'), 'built');
  assert.deepEqual((await config('first'))['Cmd'], ['cat', '/made']);
});

test('every instruction ends up in the image (S118, S120, S121, S122, S124, S125, S126, S127, S129, S132)', {
  skip,
}, async () => {
  const folder = project({
    Dockerfile: String.raw`FROM busybox
LABEL maintainer="Ann <ann@example.com>" tier=front \
      version="1.0"
MAINTAINER Bob
ENV APP=/opt/app MODE="two words"
ENV OLD form of it
RUN echo team:x:4242: >> /etc/group && \
    echo ann:x:4243:4242::/home/ann:/bin/sh >> /etc/passwd && \
    mkdir /data && chown ann:team /data
WORKDIR $APP
WORKDIR src
COPY . .
RUN pwd > /where; echo "$MODE" | tr a-z A-Z > /mode
EXPOSE 80 8443/tcp 53/udp
VOLUME ["/data"]
VOLUME /more /still
USER ann:team
STOPSIGNAL SIGUSR1
HEALTHCHECK --interval=5s --timeout=2s --retries=4 CMD wget -q localhost || exit 1
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT APP_MODE=x sh -c 'echo $APP_MODE $(id -un) $(pwd) $(cat /where) $(cat /mode)'
`,
    'a.txt': 'a',
  });
  await build('whole', folder);
  const { Env, ...rest } = await config('whole');
  assert.deepEqual(
    (Env as string[]).filter(one => !one.startsWith('PATH=')),
    ['APP=/opt/app', 'MODE=two words', 'OLD=form of it'],
  );
  assert.deepEqual(rest, {
    Entrypoint: [
      '/bin/sh',
      '-ec',
      "APP_MODE=x sh -c 'echo $APP_MODE $(id -un) $(pwd) $(cat /where) $(cat /mode)'",
    ],
    ExposedPorts: { '53/udp': {}, '80/tcp': {}, '8443/tcp': {} },
    Healthcheck: {
      Test: ['CMD-SHELL', 'wget -q localhost || exit 1'],
      Interval: 5_000_000_000,
      Timeout: 2_000_000_000,
      Retries: 4,
    },
    Labels: { maintainer: 'Ann <ann@example.com>', tier: 'front', version: '1.0' },
    Shell: ['/bin/sh', '-ec'],
    StopSignal: 'SIGUSR1',
    User: 'ann:team',
    Volumes: { '/data': {}, '/more': {}, '/still': {} },
    WorkingDir: '/opt/app/src',
  });
  assert.equal(await engine.ok('image', 'inspect', '-f', '{{.Author}}', 'whole'), 'Bob');
  assert.equal(await engine.run('whole'), 'x ann /opt/app/src /opt/app/src TWO WORDS');
  const id = await engine.started('kept', '--entrypoint', 'sleep', 'whole', '100');
  assert.equal(await engine.inspect(id, '{{len .Mounts}}'), '3');
  assert.equal(
    await engine.ok('exec', id, 'stat', '-c', '%U:%G', '/data'),
    'ann:team',
    'owner of a new volume',
  );
  await engine.ok('rm', '-fv', id);
});

test('ARG and ENV: defaults, --build-arg, scope and the caller’s environment', { skip }, async () => {
  const folder = project({
    Dockerfile: [
      'ARG BASE=busybox',
      'FROM ${BASE}',
      'ARG ONE=1',
      'ARG TWO',
      'ENV THREE=${ONE}-${TWO:-none}',
      'RUN echo "$ONE $TWO $THREE ${BASE:-unset}" > /args',
      'CMD cat /args; echo "<$ONE>"',
    ].join('\n'),
  });
  await build('args', folder);
  assert.equal(await engine.run('args'), '1  1-none unset\n<>');
  const { code, stdout, stderr } = await engine.docker(
    ['build', '-t', 'args', '--build-arg', 'ONE=x y', '--build-arg', 'TWO', folder],
    {
      env: { TWO: 'second' },
    },
  );
  assert.equal(code, 0, stdout + stderr);
  assert.equal(await engine.run('args'), 'x y second x y-second unset\n<>');
});

test('several stages: COPY --from by name, number and image, --target, and what no stage needs is not built (S134, S136)', {
  skip,
}, async () => {
  const folder = project({
    Dockerfile: [
      'FROM busybox AS build',
      'RUN mkdir /out && echo program > /out/app && dd if=/dev/zero of=/large bs=1M count=3 2>/dev/null',
      'FROM busybox AS unneeded',
      'RUN exit 9',
      'FROM build AS test',
      'RUN test -s /out/app && echo tested > /out/tested',
      'FROM busybox',
      'COPY --from=build /out/app /app',
      'COPY --from=2 /out /out/',
      'COPY --from=busybox /bin/busybox /copied',
      'CMD cat /app /out/tested; test -x /copied && ls /large 2>&1',
    ].join('\n'),
  });
  await build('stages', folder);
  const { stdout } = await engine.docker(['run', '--rm', 'stages']);
  assert.equal(stdout, 'program\ntested\nls: /large: No such file or directory\n');
  const size = async (image: string): Promise<number> =>
    Number(await engine.ok('image', 'inspect', '-f', '{{.Size}}', image));
  assert.ok(
    (await size('stages')) < 2 * (await size('busybox')) + 100_000,
    'what the first stage made is not in it',
  );
  await build('middle', '--target', 'build', folder);
  assert.equal(await engine.run('middle', 'ls', '/large'), '/large');
  const { stderr } = await engine.refused('build', '--target', 'nosuch', folder);
  assert.match(stderr, /target stage "?nosuch"? could not be found/);
  assert.match((await engine.refused('build', '--target', 'unneeded', folder)).stderr, /non-zero code: 9/);
});

test('the cache: the same build is the same image, a changed file builds from its COPY on, --no-cache all (S128, S131, S133)', {
  skip,
}, async () => {
  const folder = project({
    Dockerfile:
      'FROM busybox\nRUN head -c 8 /dev/urandom | md5sum > /random\nCOPY a /a\nRUN cat /a > /b; date +%N >> /random2\nCMD ["cat", "/random", "/b"]\n',
    a: 'one',
    'not-copied': '1',
  });
  await build('cached', folder);
  const first = await engine.run('cached');
  const id = await engine.inspect('cached', '{{.Id}}');
  writeFileSync(join(folder, 'not-copied'), '2');
  const again = await build('cached', folder);
  assert.equal(again.split('\n').filter(line => line === ' ---> Using cache').length, 4, again);
  assert.equal(await engine.inspect('cached', '{{.Id}}'), id);
  writeFileSync(join(folder, 'a'), 'two');
  const changed = await build('cached', folder);
  assert.equal(changed.split('\n').filter(line => line === ' ---> Using cache').length, 1, changed);
  assert.equal(await engine.run('cached'), first.replace('one', 'two'));
  await build('cached', '--no-cache', folder);
  assert.notEqual((await engine.run('cached')).slice(0, 32), first.slice(0, 32));
  const history = await engine.ok('history', '--format', '{{.CreatedBy}}', '--no-trunc', 'cached');
  assert.match(
    history,
    /^CMD \["cat","\/random","\/b"\]\nRUN .*cat \/a > \/b; .*\nCOPY a \/a.*\nRUN .*urandom.*\nlayer 0$/,
  );
});

test('the context: links, modes and owners, .dockerignore, and nothing outside of it (S122, S123)', {
  skip,
}, async () => {
  const folder = project({
    Dockerfile:
      'FROM busybox\nCOPY --chown=12:34 . /all/\nADD sub /added/\nCOPY --chmod=640 sub/plain /moded\nCMD cd /all; find . | sort; stat -c "%n %a %u:%g" sub/run l /moded /added/plain; readlink l',
    '.dockerignore': '*.log\n!keep.log\n.dockerignore\nDockerfile\n',
    'sub/run': '#!/bin/sh\n',
    'sub/plain': 'plain',
    'a.log': '',
    'keep.log': '',
    'with space & ü': 'x',
  });
  chmodSync(join(folder, 'sub/run'), 0o755);
  symlinkSync('sub/run', join(folder, 'l'));
  linkSync(join(folder, 'sub/plain'), join(folder, 'sub/hard'));
  await build('context', folder);
  assert.deepEqual((await engine.run('context')).split('\n'), [
    '.',
    './keep.log',
    './l',
    './sub',
    './sub/hard',
    './sub/plain',
    './sub/run',
    './with space & ü',
    'sub/run 755 12:34',
    'l 777 12:34',
    '/moded 640 0:0',
    '/added/plain 644 0:0',
    'sub/run',
  ]);
  const outside = project({ Dockerfile: 'FROM busybox\nCOPY ../secret /x\n' });
  assert.match((await engine.refused('build', outside)).stderr, /not found|forbidden path/i);
});

test('where the Dockerfile is: -f, standard input, a tar, outside of the context (S138)', {
  skip,
}, async () => {
  const folder = project({
    'dev/My.dockerfile': 'FROM busybox\nCOPY f /f\nCMD cat /f\n',
    f: 'file',
  });
  await build('named', '-f', join(folder, 'dev/My.dockerfile'), folder);
  assert.equal(await engine.run('named'), 'file');
  const other = project({ f: 'other' });
  await build('outside', '-f', join(folder, 'dev/My.dockerfile'), other);
  assert.equal(await engine.run('outside'), 'other');
  const input = { input: 'FROM busybox\nCOPY . /all\nCMD ls -A /all\n' };
  const fromInput = await engine.docker(['build', '-t', 'stdin', '-f', '-', other], input);
  assert.equal(fromInput.code, 0, fromInput.stderr);
  assert.equal(await engine.run('stdin'), 'f', 'the Dockerfile from elsewhere is not in the context');
  const alone = await engine.docker(['build', '-t', 'alone', '-'], {
    input: 'FROM busybox\nCMD echo alone\n',
  });
  assert.equal(alone.code, 0, alone.stderr);
  assert.equal(await engine.run('alone'), 'alone');
  const tar = Buffer.concat([
    tarEntry({ path: 'x/Dockerfile' }, 'FROM busybox\nCOPY y /y\nCMD cat /y\n'),
    tarEntry({ path: 'y' }, 'from a tar'),
    TAR_END,
  ]);
  const packed = await engine.docker(['build', '-t', 'packed', '-f', 'x/Dockerfile', '-'], { input: tar });
  assert.equal(packed.code, 0, packed.stderr);
  assert.equal(await engine.run('packed'), 'from a tar');
});

test('-q, --iidfile, several -t, --label, --compress, --force-rm', { skip }, async () => {
  const folder = project({ Dockerfile: 'FROM busybox\nLABEL a=file b=file\nRUN true\n' });
  const id = await engine.ok(
    'build',
    '-q',
    '-t',
    'one:1',
    '-t',
    'two',
    '--label',
    'b=flag',
    '--label',
    'c=flag',
    folder,
  );
  assert.match(id, /^sha256:[0-9a-f]{64}$/);
  assert.equal(await engine.inspect('one:1', '{{.Id}}'), id);
  assert.equal(await engine.inspect('two:latest', '{{.Id}}'), id);
  assert.deepEqual((await config('two'))['Labels'], { a: 'file', b: 'flag', c: 'flag' });
  const file = join(folder, 'id');
  await engine.ok('build', '--iidfile', file, '--compress', '--force-rm', '--rm=false', folder);
  assert.match(readFileSync(file, 'utf8'), /^sha256:[0-9a-f]{64}$/);
});

test('RUN: network, hosts, limits, user and environment', { skip }, async () => {
  const folder = project({
    Dockerfile: [
      'FROM busybox',
      'RUN ls /sys/class/net > /net; cat /etc/hosts > /hosts-then; ulimit -n > /nofile; df -k /dev/shm | tail -1 > /shm',
      'RUN cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes > /memory 2>/dev/null; true',
      'USER 12:34',
      'RUN id > /tmp/id; env > /tmp/env',
      'CMD cat /net /nofile /memory /tmp/id; grep extra /hosts-then; awk "{print \\$2}" /shm',
    ].join('\n'),
  });
  const words =
    '--network none --add-host extra:10.1.2.3 -m 64m --shm-size 3m --ulimit nofile=512:1024'.split(' ');
  await build('limited', ...words, folder);
  assert.deepEqual((await engine.run('limited')).split('\n'), [
    'lo',
    '512',
    '67108864',
    'uid=12 gid=34 groups=34',
    '10.1.2.3\textra',
    '3072',
  ]);
  assert.equal(
    await engine.run('limited', 'cat', '/etc/hosts').then(hosts => hosts.includes('extra')),
    false,
  );
});

test('ONBUILD runs in the image that is built upon', { skip }, async () => {
  const parent = project({ Dockerfile: 'FROM busybox\nONBUILD COPY f /f\nONBUILD RUN cat /f > /g\n' });
  await build('parent', parent);
  assert.deepEqual((await config('parent'))['OnBuild'], ['COPY f /f', 'RUN cat /f > /g']);
  const child = project({ Dockerfile: 'FROM parent\nCMD cat /g\n', f: 'from the child' });
  await build('child', child);
  assert.equal(await engine.run('child'), 'from the child');
  assert.equal((await config('child'))['OnBuild'] ?? null, null);
});

test('ADD unpacks a local archive, COPY does not (S123)', { skip }, async () => {
  const folder = project({
    Dockerfile: 'FROM busybox\nADD a.tar /added/\nCOPY a.tar /copied/\nCMD cat /added/in/it; ls /copied',
  });
  writeFileSync(join(folder, 'a.tar'), Buffer.concat([tarEntry({ path: 'in/it' }, 'unpacked'), TAR_END]));
  await build('archive', folder);
  assert.equal(await engine.run('archive'), 'unpackeda.tar');
});

test('what is wrong is said with its line or its step, and the status is that of the command (S375, S376, S384)', {
  skip,
}, async () => {
  const cases: readonly [dockerfile: string, code: number, stderr: RegExp][] = [
    ['FROM busybox\nRUN exit 7\n', 7, /^The command '\/bin\/sh -c exit 7' returned a non-zero code: 7$/m],
    ['FROM busybox\nRUN ["nosuch"]\n', 127, /nosuch/],
    ['FROM busybox\n\nFRM x\n', 1, /dockerfile parse error on line 3: unknown instruction: FRM/i],
    ['RUN x\n', 1, /no build stage in current context/i],
    ['', 1, /file with no instructions|empty/i],
    ['FROM Ubuntu\n', 1, /repository name .*must be lowercase/],
    ['FROM busybox\nCOPY nosuch /x\n', 1, /nosuch.*(not found|no such file|does not exist)/i],
    ['FROM 127.0.0.1:1/nosuch:1\n', 1, /127\.0\.0\.1:1/],
    ['FROM busybox\nUSER nosuchuser\nRUN true\n', 1, /nosuchuser/],
  ];
  for (const [Dockerfile, code, expected] of cases) {
    const refused = await engine.refused(
      'build',
      '--no-cache',
      project({ Dockerfile, '.dockerignore': 'x' }),
    );
    assert.match(refused.stderr, expected, Dockerfile);
    assert.equal(refused.code, code, `${Dockerfile}: ${refused.stderr}`);
  }
  const said: readonly [line: string, hint: RegExp][] = [
    ['Do you want to continue? [Y/n] Abort.', /non-zero code: 100: .*give -y/],
    [
      "E: The repository 'http://deb.debian.org/debian stretch Release' does not have a Release file.",
      /no longer maintained/,
    ],
  ];
  for (const [line, hint] of said) {
    const Dockerfile = `FROM busybox\nRUN : apt-get; echo "${line}"; exit 100\n`;
    const { code, stderr } = await engine.refused('build', project({ Dockerfile }));
    assert.equal(code, 100);
    assert.match(stderr, hint);
  }
});

test('a build that fails leaves its good steps for the next one, and no image', { skip }, async () => {
  const before = await engine.ok('images', '-aq');
  const folder = project({ Dockerfile: 'FROM busybox\nRUN echo slow > /slow\nRUN cat /fixed\n' });
  await engine.refused('build', folder);
  assert.equal(await engine.ok('images', '-aq'), before);
  assert.equal(await engine.ok('ps', '-aq'), '');
  writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nRUN echo slow > /slow\nRUN cat /slow\n');
  assert.match(await build('fixed', folder), /RUN echo slow > \/slow\n ---> Using cache\n/);
});

test('docker builder prune and docker system df know the cache', { skip }, async () => {
  const folder = project({ Dockerfile: 'FROM busybox\nRUN head -c 300000 /dev/urandom > /random\n' });
  await build('pruned', folder);
  await engine.ok('rmi', 'pruned');
  const df = await engine.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Size}}');
  assert.match(df, /^Build Cache [1-9]\d* \S+$/m);
  const { status, body } = await engine.daemon.call('GET', '/v1.55/system/df?verbose=1&type=build-cache');
  assert.equal(status, 200);
  const { BuildCacheUsage } = body as {
    BuildCacheUsage: { TotalCount: number; Items: { Description: string; UsageCount: number }[] };
  };
  assert.ok(BuildCacheUsage.Items.some(({ Description }) => Description.includes('/dev/urandom')));
  assert.match(await engine.ok('builder', 'prune', '-af'), /Total reclaimed space: [1-9]/);
  assert.match(await engine.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}'), /^Build Cache 0$/m);
  assert.match(
    await build('pruned', folder),
    /RUN head .*\n( ---> [0-9a-f]{12}\n)?Successfully/,
    'built again',
  );
});
