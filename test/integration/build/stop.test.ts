import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildImageWith, builtImage, cachedSteps } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { until } from '../../support/until.ts';

test('an engine that is stopped ends its builds, in the middle of a step and of a context', {
  skip: cannotRunContainers,
}, async () => {
  await using daemon = await startBusyboxDaemon();
  const dockerfile = 'FROM busybox\nRUN echo before > /before\nRUN echo cut > /cut; echo begun; sleep 600';
  const building = buildImageWith(daemon, dockerfile).catch((error: unknown) => ({ error: String(error) }));
  const contexts = join(daemon.root, 'contexts');
  // Another one has sent a part of its context, and sends no more.
  const uploading = request({ socketPath: daemon.socketPath, method: 'POST', path: '/build' });
  const ended = new Promise<void>(resolve => uploading.once('close', resolve).on('error', () => undefined));
  uploading.write(Buffer.alloc(1024));
  await until('both have begun', async () => {
    const { body } = await daemon.call('GET', '/v1.44/system/df?type=build-cache');
    const { BuildCache } = body as { BuildCache: { Description: string }[] | null };
    return (
      readdirSync(contexts).length === 2 &&
      (BuildCache ?? []).some(({ Description }) => Description.includes('echo before'))
    );
  });
  await daemon.restart();
  const { error } = await building;
  assert.match(error ?? '', /shutting down|aborted|hang up|ECONNRESET/);
  await ended;
  assert.deepEqual(readdirSync(contexts), []);
  const again = await builtImage(daemon, 'FROM busybox\nRUN echo before > /before');
  assert.equal(cachedSteps(again.text), 1);
});
