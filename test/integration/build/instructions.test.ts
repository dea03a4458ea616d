import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { buildImageWith, builtImage, cachedSteps, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { tarOf } from '../../support/image-archive.ts';

const skip = cannotRunContainers;
const DOCKERFILE = `FROM busybox
ARG WHO=world
ENV GREETING="hello $WHO"
WORKDIR /app
COPY a.txt dir/ ./
RUN echo "$GREETING from $WHO" > said && cat said && id -u
RUN ["touch", "made"]
CMD ["cat", "/app/said"]
`;

for (const driver of ['overlay2', 'auto'] as const) {
  test(`a Dockerfile with files and commands becomes an image (${driver})`, { skip }, async () => {
    await using daemon = await startBusyboxDaemon({ flags: ['--storage-driver', driver] });
    const { imageId, text } = await builtImage(daemon, DOCKERFILE, {
      files: { 'a.txt': 'A', 'dir/b.txt': 'B', 'dir/c/d.txt': 'D' },
      query: { t: 'made:1' },
    });
    assert.match(text, /hello world from world/);
    assert.match(text, /Successfully tagged made:1/);
    const base = (await daemon.call('GET', '/images/busybox/json')).body as { readonly Id: string };
    const shown = ` ---> ${base.Id.slice('sha256:'.length, 'sha256:'.length + 12)}`;
    assert.match(text, new RegExp(`^Step 1/\\d+ : FROM .*\n${shown}\nStep 2/`, 'm'));
    assert.equal(
      await runIn(daemon, 'made:1', 'sh', '-c', 'cat /app/said; find /app | sort; pwd'),
      [
        'hello world from world',
        '/app',
        '/app/a.txt',
        '/app/b.txt',
        '/app/c',
        '/app/c/d.txt',
        '/app/made',
        '/app/said',
        '/app',
        '',
      ].join('\n'),
    );
    const { body } = await daemon.call('GET', `/images/${imageId}/json`);
    const { Config, RootFS } = body as { Config: Record<string, unknown>; RootFS: { Layers: string[] } };
    assert.deepEqual(Config['Cmd'], ['cat', '/app/said']);
    assert.equal(Config['WorkingDir'], '/app');
    assert.equal(RootFS.Layers.length, 5);
    const again = await builtImage(daemon, DOCKERFILE, {
      files: { 'a.txt': 'A', 'dir/b.txt': 'B', 'dir/c/d.txt': 'D' },
    });
    assert.equal(again.imageId, imageId);
    assert.equal(cachedSteps(again.text), 4);
  });

  test(`a context has files of any name, kind and compression (${driver})`, { skip }, async () => {
    await using daemon = await startBusyboxDaemon({ flags: ['--storage-driver', driver] });
    const context = tarOf([
      {
        path: 'Dockerfile',
        content:
          'FROM busybox\nCOPY --exclude=.wh.file . /all/\nCOPY .wh.file /all/named\nRUN --mount=target=/c,rw touch /c/new && ls /c | wc -l > /count',
      },
      { path: '.wh.file', content: 'no whiteout' },
      { path: 'deep/er/implicit', content: 'I' },
      { path: 'bytes-\xff', content: 'B' },
      { path: 'hard', type: 'hardlink', linkPath: '.wh.file' },
      { path: 'fifo', type: 'fifo' },
      { path: 'link', type: 'symlink', linkPath: 'hard' },
    ]);
    for (const body of [context, gzipSync(context)]) {
      const { body: told } = await daemon.call('POST', '/build?t=any', body, {
        headers: { 'Content-Type': 'application/x-tar' },
      });
      assert.match(String(told), /Successfully built/);
      assert.equal(
        await runIn(
          daemon,
          'any',
          'sh',
          '-c',
          'cd /all; cat named deep/er/implicit link; ls | wc -l; cat /count; [ -p fifo ] && echo fifo',
        ),
        'no whiteoutIno whiteout7\n7\nfifo\n',
      );
    }
    const { error } = await buildImageWith(daemon, 'FROM busybox\nCOPY d /etc/', {
      files: { 'd/.wh.passwd': '' },
    });
    assert.match(
      error ?? '',
      /cannot copy to "\/etc\/\.wh\.passwd": in a layer a name that begins with \.wh\. deletes/,
    );
  });
}

test('a base without a PATH gets the usual one, which ENV adds to', { skip }, async () => {
  await using daemon = await startBusyboxDaemon();
  const { imageId, text } = await builtImage(daemon, 'FROM scratch\nENV PATH=/opt/bin:$PATH');
  const { body } = await daemon.call('GET', `/images/${imageId}/json`);
  assert.deepEqual((body as { Config: { Env: string[] } }).Config.Env, [
    'PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]);
  assert.doesNotMatch(text, /undefined variable/);
});
