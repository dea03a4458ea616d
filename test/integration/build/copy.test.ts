import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, buildImageWith, builtImage, runIn, saidIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { tarOf } from '../../support/image-archive.ts';

const skip = cannotRunContainers;
let daemon: TestDaemon;

before(async () => {
  if (!skip) daemon = await startBusyboxDaemon();
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
});

const FILES = { 'a.txt': 'A', 'b.txt': 'B', 'c.md': 'C', 'd/e.txt': 'E', 'd/f/g.txt': 'G', 'd/f/h.md': 'H' };

async function said(lines: readonly string[], script: string, options: BuildOptions = {}): Promise<string> {
  return await saidIn(daemon, ['FROM busybox AS first', ...lines], script, { files: FILES, ...options });
}

for (const [what, lines, found] of [
  ['a file to a name', ['COPY a.txt /x'], ['/x']],
  ['a file to a directory', ['COPY a.txt /x/'], ['/x', '/x/a.txt']],
  ['a file to a directory that is there', ['RUN mkdir /x', 'COPY a.txt /x'], ['/x', '/x/a.txt']],
  ['the content of a directory', ['COPY d /x'], ['/x', '/x/e.txt', '/x/f', '/x/f/g.txt', '/x/f/h.md']],
  ['patterns', ['COPY *.txt d/*/g.t?t /x/'], ['/x', '/x/a.txt', '/x/b.txt', '/x/g.txt']],
  ['what --exclude leaves', ['COPY --exclude=**/*.md --exclude=e.* d /x'], ['/x', '/x/f', '/x/f/g.txt']],
  [
    'with --parents',
    ['COPY --parents d/f/g.txt ./d/./f/h.md /x/'],
    ['/x', '/x/d', '/x/d/f', '/x/d/f/g.txt', '/x/f', '/x/f/h.md'],
  ],
  [
    'relative to WORKDIR',
    ['WORKDIR /x', 'COPY a.txt .', 'COPY b.txt sub/'],
    ['/x', '/x/a.txt', '/x/sub', '/x/sub/b.txt'],
  ],
  ['the JSON form, with blanks', ['COPY ["a.txt", "/x/with blank"]'], ['/x', '/x/with blank']],
] as const) {
  test(`COPY: ${what}`, { skip }, async () => {
    assert.deepEqual((await said(lines, 'find /x | sort')).split('\n'), [...found]);
  });
}

test('COPY: .dockerignore leaves out, with exceptions', { skip }, async () => {
  const files = { ...FILES, '.dockerignore': '**/*.md\nd/f\n!d/f/g.txt\n' };
  assert.equal(
    await said(['COPY . /x'], 'cd /x; find . -type f | sort', { files }),
    './.dockerignore\n./Dockerfile\n./a.txt\n./b.txt\n./d/e.txt\n./d/f/g.txt',
  );
  const { error } = await buildImageWith(daemon, 'FROM busybox\nCOPY c.md /', { files });
  assert.match(error ?? '', /COPY failed: .*stat c\.md: file does not exist: \.dockerignore excludes it/);
});

test('COPY: owners by name and number, modes, and who owns what comes from a stage', { skip }, async () => {
  const lines = [
    'RUN echo "me:x:1234:99::/:/bin/sh" >> /etc/passwd; echo "us:x:77:" >> /etc/group; touch /own; chown 5:6 /own',
    'COPY --chown=me:us --chmod=640 a.txt /n/a',
    'COPY --chown=me a.txt /n/b',
    'COPY --chown=42 a.txt /n/c',
    'COPY a.txt /n/d',
    'FROM first',
    'COPY --from=first /own /n/e',
  ];
  assert.equal(
    await said(lines, 'cd /n; stat -c "%n %u:%g %a" *; stat -c "%u:%g" .', { entries: [] }),
    ['a 1234:77 640', 'b 1234:99 644', 'c 42:42 644', 'd 0:0 644', 'e 5:6 644', '1234:77'].join('\n'),
  );
});

test('COPY: links in the way of the destination lead where they lead in the image', { skip }, async () => {
  const lines = [
    'RUN mkdir /real && ln -s /real /link && ln -s ../../real/deep /real/up',
    'COPY a.txt /link/',
    'COPY b.txt /link/up/x',
  ];
  assert.equal(
    await said(lines, 'ls -l / | grep -c "link -> /real"; find /real -type f | sort'),
    '1\n/real/a.txt\n/real/deep/x',
  );
});

test('COPY: a link to a directory of the image does not become a directory', { skip }, async () => {
  const { error } = await buildImageWith(
    daemon,
    'FROM busybox\nRUN mkdir /real && ln -s real /link\nCOPY tree /',
    {
      files: { 'tree/link/x': 'X' },
    },
  );
  assert.match(error ?? '', /cannot copy to non-directory: \/link: it is a link to real in the image/);
});

test('COPY: here-documents', { skip }, async () => {
  const lines = ['ARG WHO=you', 'COPY <<one <<"two" /x/', 'hello $WHO "quoted"', 'one', 'hello $WHO', 'two'];
  assert.equal(await said(lines, 'cat /x/one /x/two'), 'hello you "quoted"\nhello $WHO');
});

test('ADD unpacks archives, with their owners; COPY does not', { skip }, async () => {
  const tar = tarOf([
    { path: 'in/', type: 'directory', mode: 0o700, uid: 3, gid: 4 },
    { path: 'in/f', content: 'F', uid: 3, gid: 4 },
  ]);
  const entries = [
    { path: 'x.tar', content: tar },
    { path: 'x.tgz', content: gzipSync(tar) },
    { path: 'no.gz', content: gzipSync('no archive') },
  ];
  const lines = [
    'ADD x.tar /t/',
    'ADD x.tgz no.gz a.txt /g/',
    'ADD --unpack=false x.tar /raw',
    'COPY x.tar /c/',
  ];
  assert.equal(
    await said(lines, 'cat /t/in/f; stat -c "%u:%g %a" /t/in; find /g /c /raw | sort', { entries }),
    'F3:4 700\n/c\n/c/x.tar\n/g\n/g/a.txt\n/g/in\n/g/in/f\n/g/no.gz\n/raw',
  );
});

test('COPY: a source that is not there, with what is called alike', { skip }, async () => {
  const { error } = await buildImageWith(daemon, 'FROM busybox\nRUN true\nCOPY d/e.tx /', { files: FILES });
  assert.match(
    error ?? '',
    /COPY failed: file not found in build context or excluded by \.dockerignore: stat d\/e\.tx: file does not exist; there is "d\/e\.txt"/,
  );
});

test('COPY: a source that is not in a stage or an image, and links that lead to nothing', {
  skip,
}, async () => {
  const failing = async (copy: string): Promise<string> => {
    const lines = ['FROM busybox AS a', 'RUN ln -s /none /dead', 'FROM busybox', copy];
    const entries = [
      { path: 'abs', type: 'symlink', linkPath: '/etc/hosts' },
      { path: 'out', type: 'symlink', linkPath: '../../x' },
    ] as const;
    return (await buildImageWith(daemon, lines.join('\n'), { entries })).error ?? '';
  };
  assert.match(
    await failing('COPY --from=a /nothere /y'),
    /^COPY failed: file not found in stage a: stat nothere: file does not exist$/,
  );
  assert.match(
    await failing('COPY --from=busybox /nothere /y'),
    /not found in image busybox: stat nothere: file does/,
  );
  assert.match(
    await failing('COPY --from=a /dead /y'),
    /in stage a: stat dead: file does not exist: it is a link to "\/none", which is not in there/,
  );
  assert.match(
    await failing('COPY abs /y'),
    /stat abs: file does not exist: it is a link to "\/etc\/hosts", which is not in there: links do not lead outside$/,
  );
  assert.match(
    await failing('COPY out/file /y'),
    /stat out\/file: file does not exist: out is a link to "\.\.\/\.\.\/x", which is not/,
  );
});

test('COPY: what it is copied from counts by content, not by time', { skip }, async () => {
  const dockerfile = 'FROM busybox\nCOPY d /d\nRUN echo copied > /said';
  const entries = (mtimeSeconds: number, content: string) => [
    { path: 'd/', type: 'directory', mode: 0o755, mtimeSeconds } as const,
    { path: 'd/f', content, mtimeSeconds },
  ];
  const one = await builtImage(daemon, dockerfile, { entries: entries(1e9, 'same') });
  const other = await builtImage(daemon, dockerfile, { entries: entries(1.5e9, 'same') });
  const third = await builtImage(daemon, dockerfile, { entries: entries(1.5e9, 'else') });
  assert.equal(other.imageId, one.imageId);
  assert.notEqual(third.imageId, one.imageId);
});

test('ADD of an address: the file, with the time that the server says; found again, and checked', {
  skip,
}, async () => {
  let content = 'one';
  await using server = await serve((_request, response) => {
    response.setHeader('last-modified', 'Wed, 21 Oct 2015 07:28:00 GMT');
    response.end(content);
  });
  const dockerfile = `FROM busybox\nADD ${server.url}/path/file.txt /got/\nADD --chmod=644 ${server.url}/x?y=1 /named`;
  const first = await builtImage(daemon, dockerfile);
  const script = 'cat /got/file.txt /named; stat -c "%a %Y" /got/file.txt /named';
  assert.equal(
    await runIn(daemon, first.imageId, 'sh', '-c', script),
    'oneone600 1445412480\n644 1445412480\n',
  );
  assert.equal((await builtImage(daemon, dockerfile)).imageId, first.imageId);
  content = 'two';
  assert.notEqual((await builtImage(daemon, dockerfile)).imageId, first.imageId);
  const sum = `sha256:${createHash('sha256').update('one').digest('hex')}`;
  const { error } = await buildImageWith(daemon, `FROM busybox\nADD --checksum=${sum} ${server.url}/f /f`);
  assert.match(error ?? '', /digest|checksum/);
});

test('ADD --unpack of an address, and of what xz and bzip2 have compressed', {
  skip: skip || missingPrograms(),
}, async () => {
  const tar = tarOf([{ path: 'in/f', content: 'F' }]);
  await using server = await serve((_request, response) => response.end(gzipSync(tar)));
  const entries = [
    { path: 'a.tar.xz', content: execFileSync('xz', ['-c'], { input: tar }) },
    { path: 'b.tar.bz2', content: execFileSync('bzip2', ['-c'], { input: tar }) },
  ];
  const lines = [
    `ADD --unpack ${server.url}/x.tgz /u/`,
    `ADD ${server.url}/x.tgz /raw/`,
    'ADD a.tar.xz /x/',
    'ADD b.tar.bz2 /b/',
  ];
  assert.equal(await said(lines, 'cat /u/in/f /x/in/f /b/in/f; ls /raw', { entries }), 'FFFx.tgz');
});

function missingPrograms(): string | false {
  const missing = ['xz', 'bzip2'].find(
    name => !existsSync(`/usr/bin/${name}`) && !existsSync(`/bin/${name}`),
  );
  return missing === undefined ? false : `no ${missing}`;
}

async function serve(answer: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(answer);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on an address
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
