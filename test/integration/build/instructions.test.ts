import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtImage, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';

const skip = cannotRunContainers;

for (const driver of ['overlay2', 'auto'] as const) {
  test(`a Dockerfile with files and commands becomes an image (${driver})`, { skip }, async () => {
    await using daemon = await startBusyboxDaemon({ flags: ['--storage-driver', driver] });
    const { imageId, text } = await builtImage(
      daemon,
      `FROM busybox
ARG WHO=world
ENV GREETING="hello $WHO"
WORKDIR /app
COPY a.txt dir/ ./
RUN echo "$GREETING from $WHO" > said && cat said && id -u
RUN ["touch", "made"]
CMD ["cat", "/app/said"]
`,
      { files: { 'a.txt': 'A', 'dir/b.txt': 'B', 'dir/c/d.txt': 'D' }, query: { t: 'made:1' } },
    );
    assert.match(text, /hello world from world/);
    assert.match(text, /Successfully tagged made:1/);
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
    const again = await builtImage(
      daemon,
      `FROM busybox
ARG WHO=world
ENV GREETING="hello $WHO"
WORKDIR /app
COPY a.txt dir/ ./
RUN echo "$GREETING from $WHO" > said && cat said && id -u
RUN ["touch", "made"]
CMD ["cat", "/app/said"]
`,
      { files: { 'a.txt': 'A', 'dir/b.txt': 'B', 'dir/c/d.txt': 'D' } },
    );
    assert.equal(again.imageId, imageId);
    assert.equal(again.text.match(/Using cache/g)?.length, 8);
  });
}
