import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULT_POINTS } from '#base/fault-points';
import { buildImageWith, builtImage, runIn } from '../../support/build-image.ts';
import { cannotRunContainers, startBusyboxDaemon } from '../../support/busybox-daemon.ts';
import { until } from '../../support/until.ts';

const BEFORE = 'FROM busybox\nRUN echo before > /before';
const DOCKERFILE = `${BEFORE}
COPY Dockerfile /context/
RUN --mount=type=cache,target=/m --mount=target=/ctx --mount=type=secret,id=s echo cut > /cut; sleep 0.2; echo over
`;

for (const point of FAULT_POINTS.filter(each => each.startsWith('build.'))) {
  test(`an engine killed at ${point} leaves nothing of the build, and finds the steps before`, {
    skip: cannotRunContainers,
  }, async () => {
    await using daemon = await startBusyboxDaemon();
    const before = await builtImage(daemon, BEFORE);
    await daemon.restart(['--fault', point]);
    await assert.rejects(buildImageWith(daemon, DOCKERFILE));
    await until(`the engine is killed at ${point}`, () => !daemon.isRunning);

    await daemon.restart([]);

    // What the step wrote, mounted and ran is gone: the leak check of the daemon looks, at the end.
    const again = await builtImage(daemon, BEFORE);
    assert.equal(again.imageId, before.imageId);
    assert.match(again.text, /RUN echo before > \/before\n ---> Using cache/);
    const { imageId } = await builtImage(daemon, DOCKERFILE);
    assert.equal(await runIn(daemon, imageId, 'cat', '/cut'), 'cut\n');
  });
}
