import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildImageWith, builtImage, runIn } from '../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../support/busybox-daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { type LayerEntry, tarOf } from '../support/image-archive.ts';
import { runProgram } from '../support/programs.ts';

const skip = cannotRunContainers;
let daemon: TestDaemon;
let outside: string;
let canary: string;

before(async () => {
  outside = mkdtempSync(join(tmpdir(), 'quai-canary-'));
  canary = join(outside, 'canary');
  writeFileSync(canary, 'host secret');
  if (!skip) daemon = await startBusyboxDaemon();
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  rmSync(outside, { recursive: true });
});

const link = (path: string, linkPath: string): LayerEntry => ({ path, type: 'symlink', linkPath });

test('COPY: a link of the context never leads out of it', { skip }, async () => {
  const entries = [
    link('abs', canary),
    link('up', `../../../../../../../../..${canary}`),
    link('dir', outside),
    link('proc', '/proc/self/root'),
  ];
  for (const source of [
    'abs',
    'up',
    'dir/canary',
    'proc/etc/passwd',
    `proc${canary}`,
    'dir/*',
    '../canary',
    `../../..${canary}`,
  ]) {
    const { imageId, error } = await buildImageWith(daemon, `FROM busybox\nCOPY ${source} /got/`, {
      entries,
    });
    if (imageId === undefined) assert.match(error ?? '', /not found|does not exist/);
    else assert.equal(await runIn(daemon, imageId, 'sh', '-c', 'cat /got/* 2>/dev/null'), '', source);
  }
  // As a part of a directory a link stays the link that it is.
  const { imageId } = await builtImage(daemon, 'FROM busybox\nCOPY . /all/', { entries });
  assert.equal(await runIn(daemon, imageId, 'readlink', '/all/abs'), `${canary}\n`);
});

test('a context whose archive wants out is refused, and nothing is written there', { skip }, async () => {
  for (const entries of [
    [{ path: `../../../../../../../..${outside}/made`, content: 'x' }],
    [link('out', outside), { path: 'out/made', content: 'x' }],
    [{ path: 'hard', type: 'hardlink', linkPath: `../../../../../../../..${canary}` }],
  ] as readonly (readonly LayerEntry[])[]) {
    const { imageId } = await buildImageWith(daemon, 'FROM busybox\nCOPY . /all/', { entries });
    if (imageId !== undefined)
      assert.equal(await runIn(daemon, imageId, 'sh', '-c', 'cat /all/hard 2>/dev/null'), '');
    assert.equal(readFileSync(canary, 'utf8'), 'host secret');
    assert.throws(() => readFileSync(join(outside, 'made')));
  }
});

test('a Dockerfile or .dockerignore that is a link is found in the context or not at all', {
  skip,
}, async () => {
  writeFileSync(join(outside, 'Dockerfile'), 'FROM busybox\nRUN echo from the host\n');
  const entries = [link('linked', join(outside, 'Dockerfile')), link('.dockerignore', canary)];
  const { error, text } = await buildImageWith(daemon, 'FROM busybox', {
    entries,
    query: { dockerfile: 'linked' },
  });
  assert.match(error ?? '', /open linked: no such file or directory/);
  assert.ok(!text.includes('from the host'));
  const up = await buildImageWith(daemon, 'FROM busybox', {
    query: { dockerfile: `../../../..${outside}/Dockerfile` },
  });
  assert.equal(up.imageId, undefined);
});

test('COPY --from: links of a stage lead nowhere but into it', { skip }, async () => {
  const dockerfile = `FROM busybox AS evil
RUN ln -s ${canary} /abs && ln -s ../../../../../../..${canary} /up && ln -s ${outside} /dir && ln -s /proc/1/root /proc-root
FROM busybox
COPY --from=evil SOURCE /got/
`;
  for (const source of ['/abs', '/up', '/dir/canary', `/proc-root${canary}`]) {
    const { error } = await buildImageWith(daemon, dockerfile.replace('SOURCE', source));
    assert.match(error ?? '', /does not exist/, source);
  }
});

test('COPY: links where it copies to lead into the image, never to the host', { skip }, async () => {
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox
RUN ln -s ${outside} /out && ln -s ../../../../../..${outside}/over /file && mkdir -p ${outside}
COPY payload /out/canary
COPY payload /file
ADD archive.tar /out/`,
    { files: { payload: 'payload' }, entries: [{ path: 'archive.tar', content: Buffer.alloc(1024) }] },
  );
  assert.equal(readFileSync(canary, 'utf8'), 'host secret');
  assert.throws(() => readFileSync(join(outside, 'over')));
  assert.equal(
    await runIn(daemon, imageId, 'sh', '-c', `cat ${outside}/canary ${outside}/over`),
    'payloadpayload',
  );
});

test('ADD: an archive with links out of itself writes nothing outside of the image', { skip }, async () => {
  const content = tarOf([
    link('out', outside),
    { path: 'out/canary', content: 'owned' },
    link('up', '../../../../../../../tmp'),
  ]);
  await buildImageWith(daemon, 'FROM busybox\nADD evil.tar /in/', {
    entries: [{ path: 'evil.tar', content }],
  });
  assert.equal(readFileSync(canary, 'utf8'), 'host secret');
});

test('RUN --mount: sources that lead out, and targets that are links, stay inside', { skip }, async () => {
  const bind = await buildImageWith(
    daemon,
    'FROM busybox\nRUN --mount=type=bind,source=out,target=/m cat /m/canary',
    {
      entries: [link('out', outside)],
    },
  );
  assert.match(bind.error ?? '', /not found|does not exist/);
  // CVE-2024-23653's sibling: the place to mount on is a link of the image to a directory of the host.
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox\nRUN ln -s ${outside} /m\nRUN --mount=type=tmpfs,target=/m/deep touch /m/deep/x && ls ${outside}/deep`,
  );
  assert.equal(
    await runIn(daemon, imageId, 'sh', '-c', `ls ${outside} 2>/dev/null`),
    '',
    'the place is taken out of the layer',
  );
  assert.throws(() => readFileSync(join(outside, 'deep')));
});

test('RUN --mount=type=cache: a directory of it that is swapped for a link is not followed out (CVE-2024-23651)', {
  skip,
}, async () => {
  const swap = `FROM busybox
RUN --mount=type=cache,id=race,target=/c mkdir -p /c/sub && touch /c/sub/mine
RUN --mount=type=cache,id=race,target=/c rm -rf /c/sub && ln -s ${outside} /c/sub
RUN --mount=type=cache,id=race,source=sub,target=/m cat /m/canary; ls /m
`;
  const { error, text } = await buildImageWith(daemon, swap);
  assert.match(error ?? '', /"sub": not found/);
  assert.ok(!text.includes('host secret'));
  // And while another step swaps it for ever: whatever the mount finds, it is never the host's.
  const race = `FROM busybox AS swapper
RUN --mount=type=cache,id=race2,target=/c mkdir -p /c/real; i=0; while [ $i -lt 300 ]; do ln -sfn ${outside} /c/link; ln -sfn real /c/link; i=$((i+1)); done
FROM busybox AS reader
${Array.from({ length: 8 }, (_, index) => `RUN --mount=type=cache,id=race2,target=/all mkdir -p /all/real /all/link 2>/dev/null; echo ${index}\nRUN --mount=type=cache,id=race2,source=link,target=/m ! cat /m/canary # ${index}`).join('\n')}
FROM busybox
COPY --from=swapper /etc/passwd /1
COPY --from=reader /etc/passwd /2
`;
  const raced = await buildImageWith(daemon, race);
  assert.ok(!raced.text.includes('host secret'));
});

test('what a secret holds is in no layer, no history and no folder of the engine', { skip }, async () => {
  const secret = 'hush-6f1c2d';
  const sent = await daemon.call('POST', '/quai/build/secrets', {
    token: Buffer.from(secret).toString('base64'),
  });
  const { Id } = sent.body as { Id: string };
  const dockerfile = `FROM busybox
RUN --mount=type=secret,id=token,target=/deep/run/token,mode=0444 --mount=type=secret,id=token,env=TOKEN [ "$(cat /deep/run/token)" = "$TOKEN" ] && wc -c < /deep/run/token
`;
  const { body } = await daemon.call(
    'POST',
    `/quai/build?t=hushed&secrets=${Id}`,
    tarOf([{ path: 'Dockerfile', content: dockerfile }]),
  );
  assert.ok(!String(body).includes('"failed"'), String(body));
  assert.ok(String(body).includes(Buffer.from(`${secret.length}\n`).toString('base64')), 'the step had it');
  assert.equal(await runIn(daemon, 'hushed', 'sh', '-c', 'ls -d /deep 2>/dev/null; true'), '');
  const history = await daemon.call('GET', '/images/hushed/history');
  assert.ok(!JSON.stringify(history.body).includes(secret));
  const { response } = await daemon.stream('GET', '/images/hushed/get');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  assert.ok(!Buffer.concat(chunks).includes(secret), 'the image has it');
  assert.deepEqual(await filesWith(daemon.root, secret), []);
});

test('an image cannot make RUN more than a container: capabilities, devices, host files', {
  skip,
}, async () => {
  const { text } = await builtImage(
    daemon,
    `FROM busybox
RUN grep CapEff /proc/self/status; ls /dev | tr "\\n" " "; mknod /tmp/sda b 8 0 && ! cat /tmp/sda; rm -f /tmp/sda; ls /proc/1/root/tmp >/dev/null; cat ${canary} 2>&1 | head -1; true`,
  );
  assert.match(text, /CapEff:\s+00000000a80425fb/);
  assert.ok(!text.includes('host secret'));
  assert.ok(!/\bsda\b/.test(text.replace(/RUN.*/g, '')) || /not permitted|No such device/.test(text));
});

async function filesWith(folder: string, text: string): Promise<string[]> {
  const { stdout } = await runProgram('grep', ['-rla', '--', text, folder]);
  return stdout.split('\n').filter(Boolean);
}

test('RUN --mount=type=bind,rw: a pipe holds nobody up, and a device is not read for anybody', {
  skip,
  timeout: 60_000,
}, async () => {
  for (const [type, kind] of [
    ['fifo', 'fifo'],
    ['character', 'device'],
  ] as const) {
    const { error } = await buildImageWith(
      daemon,
      'FROM busybox\nRUN --mount=type=bind,source=special,target=/x,rw cat /x',
      {
        entries: [
          { path: 'special', type, ...(kind === 'device' ? { deviceMajor: 1, deviceMinor: 9 } : {}) },
        ],
      },
    );
    assert.match(error ?? '', /"\/?special" is neither a file nor a directory/, kind);
    assert.equal((await daemon.call('GET', '/_ping')).status, 200);
  }
});

test('RUN --network=host is only for builds that were asked for with the network of the host', {
  skip,
}, async () => {
  const dockerfile = 'FROM busybox\nRUN --network=host readlink /proc/self/ns/net';
  const { error, text } = await buildImageWith(daemon, dockerfile);
  assert.match(error ?? '', /RUN --network=host is not allowed/);
  const own = readlinkSync('/proc/self/ns/net');
  assert.ok(!text.includes(own));
  const asked = await builtImage(daemon, dockerfile, { query: { networkmode: 'host' } });
  assert.ok(asked.text.includes('net:['));
});

test('RUN: locked caches are taken in one order, and one that is named twice once', {
  skip,
  timeout: 60_000,
}, async () => {
  const mount = (id: string, target: string): string =>
    `--mount=type=cache,id=${id},target=${target},sharing=locked`;
  const { imageId } = await builtImage(
    daemon,
    `FROM busybox\nRUN ${mount('twice', '/one')} ${mount('twice', '/other')} touch /one/f && ls /other > /seen`,
  );
  assert.equal(await runIn(daemon, imageId, 'cat', '/seen'), 'f\n');
});
