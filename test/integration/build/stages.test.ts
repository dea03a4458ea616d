import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type BuildOptions,
  buildImageWith,
  builtImage,
  outputOf,
  runIn,
  saidIn,
} from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';

const skip = cannotRunContainers;
let daemon: TestDaemon;

before(async () => {
  if (!skip) daemon = await startBusyboxDaemon();
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
});

function said(lines: readonly string[], script: string, options: BuildOptions = {}): Promise<string> {
  return saidIn(daemon, lines, script, options);
}

test('only the stages that the target needs are built, and others may be broken', { skip }, async () => {
  const lines = [
    'FROM busybox AS base',
    'RUN echo base > /base',
    'FROM base AS broken',
    'RUN exit 1',
    'FROM base AS tool',
    'RUN echo tool > /tool',
    'FROM busybox AS last',
    'COPY --from=tool /tool /base /got/',
    'COPY --from=0 /base /zero',
  ];
  assert.equal(await said(lines, 'cat /got/tool /got/base /zero'), 'tool\nbase\nbase');
  const { text } = await builtImage(daemon, lines.join('\n'), { query: { target: 'BASE' } });
  assert.match(text, /Step 1\/2/);
  const unknown = await buildImageWith(daemon, lines.join('\n'), { query: { target: 'nope' } });
  assert.match(
    unknown.error ?? '',
    /target stage "nope" could not be found: there are base, broken, tool, last/,
  );
});

test('independent stages are built at the same time', { skip }, async () => {
  // Each waits for a file that the other one makes, in a cache that they share.
  const mount = 'RUN --mount=type=cache,id=meet,target=/m';
  const lines = [
    'FROM busybox AS one',
    `${mount} touch /m/one; i=0; while [ ! -e /m/two ]; do i=$((i+1)); [ $i -gt 600 ] && exit 1; sleep 0.1; done`,
    'FROM busybox AS two',
    `${mount} touch /m/two; i=0; while [ ! -e /m/one ]; do i=$((i+1)); [ $i -gt 600 ] && exit 1; sleep 0.1; done`,
    'FROM busybox',
    'COPY --from=one /etc/passwd /one',
    'COPY --from=two /etc/passwd /two',
  ];
  await builtImage(daemon, lines.join('\n'));
});

test('COPY --from an image, and FROM a stage by its name', { skip }, async () => {
  const lines = [
    'FROM scratch AS bare',
    'COPY --from=busybox:latest /bin /bin',
    'FROM bare',
    'RUN ["/bin/busybox", "touch", "/x"]',
  ];
  assert.equal(await said(lines, 'ls /'), 'bin\ndev\netc\nproc\nsys\nx'); // what every container has, too
});

test('ARG: defaults, what the request says, global ones, and none of them in the image', {
  skip,
}, async () => {
  const lines = [
    'ARG TAG=latest',
    'FROM busybox:$TAG',
    'ARG TAG',
    'ARG A=1 B=2',
    'ARG C',
    'ENV B=env',
    'RUN echo "$TAG $A $B ${C:-none} $TARGETOS" > /said',
  ];
  const { imageId, text } = await builtImage(daemon, lines.join('\n'), {
    query: { buildargs: { A: 'given', UNUSED: 'x' } },
  });
  assert.equal(await runIn(daemon, imageId, 'cat', '/said'), 'latest given env none \n');
  assert.match(text, /^\[Warning\] One or more build-args \[UNUSED\] were not consumed$/m);
  const { body } = await daemon.call('GET', `/images/${imageId}/json`);
  const { Env } = (body as { Config: { Env: string[] } }).Config;
  assert.deepEqual(
    Env.filter(pair => !pair.startsWith('PATH=')),
    ['B=env'],
  );
});

test('metadata: what the image says', { skip }, async () => {
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox
MAINTAINER somebody
LABEL a=1 "b c"=2
ENV X=1 Y="a b"
ENV X=2
EXPOSE 80 90/udp 100-102
VOLUME /data /more
USER 7:8
STOPSIGNAL SIGINT
SHELL ["/bin/ash", "-c"]
HEALTHCHECK --interval=5s --retries=3 CMD true
ONBUILD RUN echo hi
CMD echo $X
ENTRYPOINT ["run"]
`,
    { query: { labels: { given: 'yes' } } },
  );
  const { body } = await daemon.call('GET', `/images/${imageId}/json`);
  const { Config, Author } = body as { Config: Record<string, unknown>; Author: string };
  assert.equal(Author, 'somebody');
  assert.deepEqual(Config['Labels'], { a: '1', 'b c': '2', given: 'yes' });
  assert.deepEqual((Config['Env'] as string[]).slice(-2), ['X=2', 'Y=a b']);
  assert.deepEqual(Object.keys(Config['ExposedPorts'] as object), [
    '80/tcp',
    '90/udp',
    '100/tcp',
    '101/tcp',
    '102/tcp',
  ]);
  assert.deepEqual(Object.keys(Config['Volumes'] as object), ['/data', '/more']);
  assert.equal(Config['User'], '7:8');
  assert.equal(Config['StopSignal'], 'SIGINT');
  assert.deepEqual(Config['Shell'], ['/bin/ash', '-c']);
  const { Test, Interval, Retries } = Config['Healthcheck'] as Record<string, unknown>;
  assert.deepEqual(
    { Test, Interval, Retries },
    { Test: ['CMD', '/bin/ash', '-c', 'true'], Interval: 5e9, Retries: 3 },
  );
  assert.deepEqual(Config['OnBuild'], ['RUN echo hi']);
  assert.deepEqual(Config['Cmd'], ['/bin/ash', '-c', 'echo $X']);
  assert.deepEqual(Config['Entrypoint'], ['run']);
  const history = (await daemon.call('GET', `/images/${imageId}/history`)).body as {
    CreatedBy: string;
    Comment: string;
  }[];
  assert.equal(history[0]?.CreatedBy, 'ENTRYPOINT ["run"]');
  assert.equal(history[0]?.Comment, 'buildkit.dockerfile.v0');
});

test('ENTRYPOINT takes the base image’s CMD away; ONBUILD runs in the child', { skip }, async () => {
  await builtImage(
    daemon,
    'FROM busybox\nONBUILD ARG V=1\nONBUILD RUN echo "triggered $V" > /triggered\nCMD ["base"]',
    {
      query: { t: 'parent' },
    },
  );
  const { imageId, text } = await builtImage(daemon, 'FROM parent\nENTRYPOINT ["child"]');
  assert.match(text, /RUN echo "triggered/);
  const { body } = await daemon.call('GET', `/images/${imageId}/json`);
  const { Config } = body as { Config: Record<string, unknown> };
  assert.equal(Config['Cmd'] ?? null, null);
  assert.equal(Config['OnBuild'] ?? null, null);
  assert.equal(await runIn(daemon, imageId, 'cat', '/triggered'), 'triggered 1\n');
});

test('RUN: user, working directory, here-documents, shells, and no network', { skip }, async () => {
  const lines = [
    'FROM busybox',
    'RUN echo "me:x:1234:99::/home/me:/bin/sh" >> /etc/passwd && mkdir -p /home/me && chown 1234:99 /home/me',
    'USER me',
    'WORKDIR /home/me/new',
    'RUN echo "$(id -u):$(id -g) $HOME $PWD" > said',
    'RUN <<EOF',
    'echo one > lines',
    'echo two >> lines',
    'EOF',
    'RUN <<EOF',
    '#!/bin/busybox sh',
    'echo script >> lines',
    'EOF',
    'RUN --network=none ip link | grep -c "^[0-9]" > links',
  ];
  assert.equal(
    await said(lines, 'cat said lines links; stat -c %u:%g .'),
    '1234:99 /home/me /home/me/new\none\ntwo\nscript\n1\n1234:99',
  );
});

test('RUN has the network, the names and the limits of a container', { skip }, async () => {
  const lines = [
    'FROM busybox',
    'RUN ip addr show eth0 | grep -q "inet " && grep -q more.example /etc/hosts && cat /proc/self/status | grep Seccomp: > /seccomp',
    'RUN grep -c . /etc/resolv.conf && ! mount -t tmpfs x /tmp && ! echo x > /proc/sys/kernel/hostname',
  ];
  const seccomp = await said(lines, 'cat /seccomp; cat /etc/hosts | grep -c more.example', {
    query: { extrahosts: 'more.example:10.9.8.7' },
  });
  assert.equal(seccomp.replace(/\s+/g, ' '), 'Seccomp: 2 0');
});

test('RUN --mount: bind, cache, tmpfs and secrets leave nothing in the layer', { skip }, async () => {
  const lines = [
    'FROM busybox AS src',
    'RUN mkdir /src && echo from-stage > /src/file',
    'FROM busybox',
    'RUN --mount=type=bind,from=src,source=/src,target=/in/stage --mount=target=/ctx cat /in/stage/file /ctx/a.txt > /said && ! touch /ctx/x',
    'RUN --mount=type=bind,target=/w,rw touch /w/x && ls /w/x',
    'RUN --mount=type=cache,target=/cache/deep echo kept >> /cache/deep/log',
    'RUN --mount=type=cache,target=/cache/deep cat /cache/deep/log >> /said',
    'RUN --mount=type=tmpfs,target=/scratch,size=1m touch /scratch/x && df /scratch | grep -q tmpfs',
    'RUN --mount=type=secret,id=none,env=NONE echo "none: [$NONE]" >> /said',
    'RUN --mount=type=cache,id=filled,from=src,source=/src,target=/f cat /f/file >> /said && echo own > /f/file',
    'RUN --mount=type=cache,id=filled,from=src,source=/src,target=/f cat /f/file >> /said # again',
    'RUN echo end',
  ];
  assert.equal(
    await said(lines, 'cat /said; ls -d /in /ctx /w /cache /scratch /f 2>/dev/null', {
      files: { 'a.txt': 'A\n' },
    }),
    'from-stage\nA\nkept\nnone: []\nfrom-stage\nown',
  );
});

test('comments, continued lines, pipes, a user before its volume, and an entry point with a variable', {
  skip,
}, async () => {
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox
# Created first, so that its number stays.
RUN echo 'app:x:321:' >> /etc/group && echo 'app:x:321:321::/:/bin/sh' >> /etc/passwd \\
    # a comment between continued lines
    && mkdir /data \\
    && chown app:app /data
VOLUME /data
RUN echo a b c | tr ' ' '\\n' | wc -l > /lines
USER app
ENTRYPOINT GREETING=hello sh -c 'echo $GREETING; cat /lines; stat -c %U:%u /data; id -un'
`,
  );
  assert.equal(await outputOf(daemon, { Image: imageId }), 'hello\n3\napp:321\napp\n');
});
