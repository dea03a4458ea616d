import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type BuildOptions, buildImageWith, builtImage, runIn } from '../../support/build-image.ts';
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

const FAILURES: readonly (readonly [
  what: string,
  lines: readonly string[],
  error: RegExp,
  options?: BuildOptions,
])[] = [
  [
    'a command that fails',
    ['FROM busybox', 'RUN echo said; exit 3'],
    /^The command '\/bin\/sh -c echo said; exit 3' returned a non-zero code: 3$/,
  ],
  [
    'a command that is not there',
    ['FROM busybox', 'RUN ["nope"]'],
    /the command 'nope' cannot be started: .*executable file not found/,
  ],
  ['no shell', ['FROM scratch', 'RUN true'], /cannot be started: .*no such file|executable file not found/],
  [
    'a user that is not there',
    ['FROM busybox', 'USER nobody-here', 'RUN true'],
    /unable to find user nobody-here/,
  ],
  [
    'an owner that is not there',
    ['FROM busybox', 'COPY --chown=nope Dockerfile /x'],
    /unable to find user nope/,
  ],
  ['a base image that is not to be had', ['FROM localhost:1/none:1'], /FROM localhost:1\/none:1: /],
  ['a base without a name', ['ARG NONE', 'FROM $NONE'], /base name \(\$NONE\) should not be blank/],
  [
    'a stage that comes later',
    ['FROM busybox', 'COPY --from=1 /x /x', 'FROM busybox'],
    /invalid from flag value 1/,
    { query: { target: '0' } },
  ],
  ['a variable that must be set', ['FROM busybox', 'ARG V', 'ENV X=${V:?none}'], /V: none/],
  ['a bad port', ['FROM busybox', 'EXPOSE 99999'], /invalid containerPort: 99999/],
  [
    'a mount that is not served',
    ['FROM busybox', 'RUN --mount=type=ssh true'],
    /not implemented: RUN --mount=type=ssh/,
  ],
  [
    'a secret that is required',
    ['FROM busybox', 'RUN --mount=type=secret,id=key,required=true true'],
    /secret key: not found/,
  ],
  ['more rights', ['FROM busybox', 'RUN --security=insecure true'], /--security=insecure is not allowed/],
  [
    'a mount of what is not there',
    ['FROM busybox', 'RUN --mount=type=bind,source=none,target=/x true'],
    /stat none: file does not exist|"none": not found/,
  ],
  [
    'a mount over the root',
    ['FROM busybox', 'RUN --mount=type=tmpfs,target=/ true'],
    /the root cannot be mounted over/,
  ],
  [
    'several sources to a name',
    ['FROM busybox', 'COPY Dockerfile Dockerfile /x'],
    /more than one source file, the destination must be a directory/,
  ],
  ['a bad tag', ['FROM busybox'], /invalid reference format/, { query: { t: 'Not A Name' } }],
];

for (const [what, lines, expected, options] of FAILURES) {
  test(`a build fails with the reason: ${what}`, { skip }, async () => {
    const { error, imageId } = await buildImageWith(daemon, lines.join('\n'), options);
    assert.match(error ?? '', expected);
    assert.equal(imageId, undefined);
  });
}

test('a Dockerfile that is not there', { skip }, async () => {
  const { error } = await buildImageWith(daemon, 'FROM busybox', { query: { dockerfile: 'other' } });
  assert.match(error ?? '', /open other: no such file or directory in the build context/);
});

test('a tag stays where it was when a build fails', { skip }, async () => {
  const { imageId } = await builtImage(daemon, 'FROM busybox\nRUN echo 1 > /x', { query: { t: 'stays' } });
  await buildImageWith(daemon, 'FROM busybox\nRUN exit 1', { query: { t: 'stays' } });
  const { body } = await daemon.call('GET', '/images/stays/json');
  assert.equal((body as { Id: string }).Id, imageId);
});

test('a command that reads finds nothing to read, and what it leaves running is ended', {
  skip,
}, async () => {
  const { imageId } = await builtImage(
    daemon,
    'FROM busybox\nRUN read x; echo "read [$x] $?" > /said; sleep 1000 & echo back\nRUN true',
  );
  assert.equal(await runIn(daemon, imageId, 'cat', '/said'), 'read [] 1\n');
});

test('a stage that fails ends the others, and is the one that is told of', { skip }, async () => {
  const { error } = await buildImageWith(
    daemon,
    `FROM busybox AS slow
RUN --mount=type=cache,id=ends,target=/m touch /m/begun; sleep 1000
FROM busybox AS bad
RUN --mount=type=cache,id=ends,target=/m while [ ! -e /m/begun ]; do sleep 0.1; done; exit 7
FROM busybox
COPY --from=slow /etc/passwd /1
COPY --from=bad /etc/passwd /2`,
  );
  assert.match(error ?? '', /exit 7' returned a non-zero code: 7$/);
});
