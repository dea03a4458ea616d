import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { buildImageFrom, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';
import { redirectTo, startFileServer } from '../../support/file-server.ts';
import { gitMissing, startGitServer } from '../../support/git-server.ts';
import { tarOf } from '../../support/image-archive.ts';
import { until } from '../../support/until.ts';

const skip = cannotRunContainers;
const NOTHING = Buffer.alloc(0);

/** What stands in `/said` of the image that is built. */
async function built(
  daemon: TestDaemon,
  query: Readonly<Record<string, string>>,
  body: Buffer = NOTHING,
): Promise<string> {
  const { imageId, error, text } = await buildImageFrom(daemon, body, { query });
  assert.ok(imageId !== undefined && error === undefined, error ?? text);
  return (await runIn(daemon, imageId, 'cat', '/said')).trim();
}

async function refused(
  daemon: TestDaemon,
  query: Readonly<Record<string, string>>,
  body: Buffer = NOTHING,
): Promise<string> {
  const { imageId, error } = await buildImageFrom(daemon, body, { query });
  assert.equal(imageId, undefined);
  return error ?? '';
}

test('a build straight from the address of a git repository', { skip: skip || gitMissing }, async () => {
  await using daemon = await startBusyboxDaemon();
  await using server = await startGitServer();
  const repository = server.repository('app');
  repository.commit({
    Dockerfile: 'FROM busybox\nCOPY word /said\nRUN test ! -e .git && chmod 600 /said\n',
    word: 'first',
    'deep/er/My.Dockerfile': 'FROM busybox\nCOPY . /src\nRUN cp /src/word /said && test ! -e /src/er\n',
    'deep/er/word': 'deeper',
  });
  repository.git('tag', 'v1');
  repository.commit({ word: 'second', '.dockerignore': 'secret', secret: 'x' });
  const { url } = repository;

  assert.equal(await built(daemon, { remote: url }), 'second');
  assert.equal(await built(daemon, { remote: `${url}#v1` }), 'first');
  assert.equal(await built(daemon, { remote: `${url}#main:deep/er`, dockerfile: 'My.Dockerfile' }), 'deeper');
  assert.match(await refused(daemon, { remote: `${url}#nosuch` }), /has no branch, tag or commit "nosuch"/);
  assert.match(await refused(daemon, { remote: `${url}#v1:no` }), /"no" is not a folder of the repository/);
  assert.match(await refused(daemon, { remote: '/etc' }), /"\/etc" is no address of a build context/);
});

test('a build of a tar or a Dockerfile that lies elsewhere', { skip }, async () => {
  const tar = tarOf([
    { path: 'Dockerfile', content: 'FROM busybox\nCOPY word /said\n' },
    { path: 'word', content: 'packed' },
  ]);
  await using daemon = await startBusyboxDaemon();
  await using server = await startFileServer({
    '/context.tar': tar,
    '/context.tar.gz': gzipSync(tar),
    '/moved': redirectTo('/context.tar.gz'),
    '/around': redirectTo('/around'),
    '/Dockerfile': 'FROM busybox\nRUN echo alone > /said\n',
    '/picture': Buffer.from([0x89, 0x50, 0, 0, 1]),
    '/broken': response => response.writeHead(500).end(),
    '/file': redirectTo('file:///etc/passwd'),
    '/metadata': redirectTo('http://169.254.169.254/latest'),
  });
  const at = (path: string): { readonly remote: string } => ({ remote: `${server.url}${path}` });
  for (const path of ['/context.tar', '/context.tar.gz', '/moved'])
    assert.equal(await built(daemon, at(path)), 'packed', path);
  assert.equal(await built(daemon, at('/Dockerfile')), 'alone');
  for (const [path, message] of [
    ['/none', /cannot download http:.*\/none: invalid response status 404/],
    ['/broken', /invalid response status 500/],
    ['/around', /redirects more than 10 times/],
    ['/picture', /neither a tar nor a Dockerfile/],
    ['/file', /redirects to file:\/\/\/etc\/passwd, which is not followed/],
    ['/metadata', /169\.254\.169\.254 is not a public address/],
  ] as const) {
    assert.match(await refused(daemon, at(path)), message, path);
  }
});

test('contexts come in every compression that Docker takes', { skip }, async () => {
  const tar = tarOf([
    { path: 'Dockerfile', content: 'FROM busybox\nCOPY word /said\n' },
    { path: 'word', content: 'packed' },
  ]);
  await using daemon = await startBusyboxDaemon();
  for (const body of [tar, gzipSync(tar), zstdCompressSync(tar)])
    assert.equal(await built(daemon, {}, body), 'packed');
  for (const program of ['xz', 'bzip2']) {
    const body = execFileSync(program, ['-c'], { input: tar });
    assert.equal(await built(daemon, {}, body), 'packed', program);
    assert.match(
      await refused(daemon, {}, body.subarray(0, -20)),
      new RegExp(`cannot decompress the archive with ${program}`),
    );
  }
});

test('an engine that is killed while git fetches leaves neither git nor files to the next one', {
  skip: skip || gitMissing,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const silent = createServer();
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo; // listening on TCP
  const connected = once(silent, 'connection') as Promise<[Socket]>; // the event's one argument
  const remote = encodeURIComponent(`http://127.0.0.1:${port}/x.git`);
  const asked = daemon.call('POST', `/build?remote=${remote}`).catch(() => undefined);
  const [socket] = await connected;
  socket.on('error', () => undefined); // cut with the program
  const gone = once(socket, 'close');
  socket.resume();
  process.kill(daemon.pid, 'SIGKILL');
  await daemon.ended();
  await asked;
  const fetched = join(daemon.root, 'fetched');
  assert.equal(readdirSync(join(fetched, 'git')).length, 1);
  await daemon.start();
  await gone; // the next engine has ended it
  await until('nothing of it is left', () => !existsSync(join(fetched, 'git')));
  await until('no jail is left', () => readdirSync(join(fetched, 'jails')).join() === 'state');
  silent.close();
});
