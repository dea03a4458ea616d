import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BuildOptions, buildImageWith, builtImage, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import type { TestDaemon } from '../../support/daemon.ts';

const skip = cannotRunContainers;
let daemon: TestDaemon;
let folder: string;

before(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), 'quai-failures-'));
  // Nobody beyond this machine is asked for the names that are mistyped here.
  const registries = join(folder, 'registries.json');
  writeFileSync(registries, JSON.stringify({ registries: [{ prefix: 'docker.io', blocked: true }] }));
  daemon = await startBusyboxDaemon({ config: { registries } });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  if (folder) rmSync(folder, { recursive: true });
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
    /invalid from flag value 1: .*: it is defined further down, in line 3$/,
    { query: { target: '0' } },
  ],
  [
    'a mistyped stage',
    ['FROM busybox AS build', 'FROM busybox', 'COPY --from=biuld /x /x'],
    /^COPY --from=biuld: no stage of this name \(did you mean build\?\), and as an image: /,
  ],
  [
    'a mount from a stage that comes later',
    [
      'FROM busybox AS one',
      'RUN --mount=from=two,target=/m true',
      'FROM busybox AS two',
      'COPY --from=one / /',
    ],
    /^RUN --mount=from=two: no stage of this name comes before \(it is defined further down, in line 3\), and as an image: /,
  ],
  [
    'an image to copy from that is not to be had',
    ['FROM busybox', 'COPY --from=localhost:1/none:1 /x /x'],
    /^COPY --from=localhost:1\/none:1: (?!no stage)/,
  ],
  [
    'a stage that copies from itself',
    ['FROM busybox AS Own', 'COPY --from=own /x /x'],
    /^COPY --from=own: circular dependency detected on stage: own$/,
  ],
  [
    'a stage that copies from itself by its number',
    ['FROM busybox', 'COPY --from=0 /x /x'],
    /circular dependency detected on stage: 0$/,
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
    /secret key: not found: give it to the build with --secret id=key,src=FILE/,
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
  [
    'a platform that nobody knows',
    ['FROM scratch', 'LABEL a=1'],
    /platform "linux\/foo": unknown architecture foo/,
    { query: { platform: 'linux/foo' } },
  ],
  [
    'a platform of one stage that nobody knows',
    ['FROM --platform=linux/amd46 scratch', 'LABEL a=1'],
    /unknown architecture amd46 \(did you mean amd64\?\)/,
  ],
  [
    'an image that is here for another platform',
    ['FROM busybox', 'RUN true'],
    /^FROM busybox: image with reference busybox was found but its platform \(linux\/\w+\) does not match the specified platform \(linux\/s390x\)$/,
    { query: { platform: 'linux/s390x' } },
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
