import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { buildImageWith, builtImage, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { redirectTo, startFileServer } from '../../support/file-server.ts';
import { gitMissing, startGitServer } from '../../support/git-server.ts';
import { tarOf } from '../../support/image-archive.ts';

const skip = cannotRunContainers;
const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

test('ADD of files that lie elsewhere', { skip }, async () => {
  const tar = gzipSync(tarOf([{ path: 'in/tar', content: 'packed', uid: 5 }]));
  await using server = await startFileServer({
    '/a/plain.txt': 'plain',
    '/moved': redirectTo('/a/plain.txt'),
    '/a%20b': 'blank',
    '/x.tar.gz': tar,
    '/': 'root',
    '/broken': response => response.writeHead(503).end(),
  });
  const { url } = server;
  await using daemon = await startBusyboxDaemon();
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox
ARG AT=${url}
ADD $AT/a/plain.txt /one
ADD --chmod=0755 --chown=7:8 $AT/a/plain.txt $AT/moved $AT/a%20b /many/
ADD --checksum=sha256:${sha256(tar)} $AT/x.tar.gz /packed/
ADD --unpack $AT/x.tar.gz /unpacked/
`,
  );
  const shown = await runIn(
    daemon,
    imageId,
    'sh',
    '-c',
    `stat -c '%n %a %u:%g %Y' /one /many/* /packed/* /unpacked/in/tar; cat /one /many/moved /unpacked/in/tar`,
  );
  const time = Date.parse('2021-01-01T00:00:00Z') / 1000;
  assert.deepEqual(shown.split('\n'), [
    `/one 600 0:0 ${time}`,
    `/many/a b 755 7:8 ${time}`,
    `/many/moved 755 7:8 ${time}`,
    `/many/plain.txt 755 7:8 ${time}`,
    `/packed/x.tar.gz 600 0:0 ${time}`,
    '/unpacked/in/tar 644 5:0 0',
    'plainplainpacked',
  ]);

  for (const [line, message] of [
    [`ADD ${url}/none /x`, /cannot download http:.*\/none: invalid response status 404/],
    [`ADD ${url}/broken /x`, /invalid response status 503/],
    [
      `ADD --checksum=sha256:${'0'.repeat(64)} ${url}/moved /x`,
      /digest mismatch sha256:.*: sha256:0{64} was expected of/,
    ],
    [`ADD --checksum=md5:00 ${url}/moved /x`, /invalid checksum "md5:00"/],
    [`ADD --checksum=sha256:${'0'.repeat(64)} Dockerfile /x`, /checksum requires HTTP\(S\) or Git sources/],
    [
      `ADD --checksum=sha256:${'0'.repeat(64)} ${url}/moved ${url}/none /x/`,
      /checksum can't be specified for multiple sources/,
    ],
    [`ADD ${url}/moved ${url}/none /x`, /the destination must be a directory and end with a \//],
    [`COPY ${url}/moved /x`, /no such file|not found/],
    ['ADD http://127.0.0.1:1/x /x', /connection refused/],
  ] as const) {
    const { error, text } = await buildImageWith(daemon, `FROM busybox\n${line}\n`);
    assert.match(error ?? `built: ${text}`, message, line);
  }
});

test('--chmod takes changes of modes, each file from what it has', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  const { imageId } = await builtImage(
    daemon,
    'FROM busybox\nARG M=u+x\nCOPY --chmod=$M,go-r plain /one\nCOPY --chmod=a=rX dir /dir/\nADD --chmod=g=u,o= run /two\n',
    {
      entries: [
        { path: 'plain', content: 'a', mode: 0o644 },
        { path: 'dir/f', content: 'b', mode: 0o600 },
        { path: 'dir/sub/x', content: 'c', mode: 0o700 },
        { path: 'run', content: 'd', mode: 0o755 },
      ],
    },
  );
  const shown = await runIn(
    daemon,
    imageId,
    'stat',
    '-c',
    '%n %a',
    '/one',
    '/dir/f',
    '/dir/sub',
    '/dir/sub/x',
    '/two',
  );
  assert.equal(shown, '/one 700\n/dir/f 444\n/dir/sub 555\n/dir/sub/x 555\n/two 770\n');
  const { error } = await buildImageWith(daemon, 'FROM busybox\nCOPY --chmod=rwx Dockerfile /x\n');
  assert.match(error ?? '', /invalid chmod parameter: 'rwx'\. it should be octal string/);
});

test('what is downloaded counts by content: the step is done again when that changes', { skip }, async () => {
  let content = 'one';
  await using server = await startFileServer({ '/file': response => void response.end(content) });
  await using daemon = await startBusyboxDaemon();
  const dockerfile = `FROM busybox\nADD ${server.url}/file /file\n`;
  const first = await builtImage(daemon, dockerfile);
  const second = await builtImage(daemon, dockerfile);
  assert.equal(second.imageId, first.imageId);
  assert.match(second.text, /Using cache/);
  content = 'two';
  const third = await builtImage(daemon, dockerfile);
  assert.equal(await runIn(daemon, third.imageId, 'cat', '/file'), 'two');
});

test('ADD of a git repository, with and without .git, pinned to a commit', {
  skip: skip || gitMissing,
}, async () => {
  await using server = await startGitServer();
  const repository = server.repository('lib');
  const first = repository.commit({ 'src/a.c': 'a', 'docs/x.md': 'x', run: 'r' });
  repository.git('tag', 'v1');
  const { url } = repository;
  repository.commit({ 'src/a.c': 'b' });
  await using daemon = await startBusyboxDaemon();
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox
ADD ${url}#v1 /v1
ADD --keep-git-dir=true ${url} /kept
ADD ${url}#main:src /src/
ADD --checksum=${first} --exclude=docs ${url}?tag=v1 /pinned/
`,
  );
  const shown = await runIn(
    daemon,
    imageId,
    'sh',
    '-c',
    'cat /v1/src/a.c /kept/src/a.c /src/a.c /pinned/src/a.c; echo; ls /v1 /pinned; ls -d /kept/.git /v1/.git 2>&1; stat -c %a:%u /v1/run',
  );
  assert.deepEqual(shown.trim().split('\n'), [
    'abba',
    '/pinned:',
    'run',
    'src',
    '',
    '/v1:',
    'docs',
    'run',
    'src',
    'ls: /v1/.git: No such file or directory',
    '/kept/.git',
    '644:0',
  ]);
  const { error } = await buildImageWith(daemon, `FROM busybox\nADD --checksum=${first} ${url} /x\n`);
  assert.match(error ?? '', new RegExp(`expected checksum to match ${first}, got`));
});

test('ADD unpacks archives of every compression that Docker does', { skip }, async () => {
  const tar = tarOf([{ path: 'f', content: 'packed' }]);
  const entries = ['gzip', 'xz', 'bzip2'].map(program => ({
    path: `${program}.tar`,
    content: execFileSync(program, ['-c'], { input: tar }),
  }));
  // Nothing of a large block of zstd shows before it is there as a whole; zeros show too much.
  const large = tarOf([
    { path: 'r', content: randomBytes(300_000).toString('base64') },
    { path: 'f', content: 'packed' },
  ]);
  const zeros = tarOf([
    { path: 'z', content: Buffer.alloc(40_000_000) },
    { path: 'f', content: 'packed' },
  ]);
  entries.push(
    { path: 'zstd.tar', content: zstdCompressSync(large) },
    { path: 'zeros.tar', content: zstdCompressSync(zeros) },
    { path: 'zeros.tgz', content: gzipSync(zeros) },
  );
  await using daemon = await startBusyboxDaemon();
  const { imageId } = await builtImage(
    daemon,
    'FROM busybox\nADD zstd.tar /zstd\nADD zeros.tar zeros.tgz /zeros/\nADD gzip.tar /gzip\nADD xz.tar /xz\nADD bzip2.tar /bzip2\nADD --unpack=false xz.tar /kept\nCOPY xz.tar /copied\n',
    { entries },
  );
  const shown = await runIn(
    daemon,
    imageId,
    'sh',
    '-c',
    'cat /gzip/f /xz/f /bzip2/f /zstd/f /zeros/f; test -f /kept && test -f /copied && echo .',
  );
  assert.equal(shown, `${'packed'.repeat(5)}.\n`);
  const broken = [{ path: 'xz.tar', content: entries[1]?.content.subarray(0, -9) ?? Buffer.alloc(0) }];
  const { error } = await buildImageWith(daemon, 'FROM busybox\nADD xz.tar /x\n', { entries: broken });
  assert.match(error ?? '', /cannot decompress the archive with xz/);
});
