import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';
import { startVolumes, type VolumeEngine } from '../../support/volume-engine.ts';

const skip = rootMissing();

/** A volume `data` with a directory `sub/dir`, and a directory of the host that must never show up. */
async function startWithSubpath(): Promise<
  VolumeEngine & { readonly data: string; readonly canary: string }
> {
  const engine = await startVolumes();
  const { mountpoint: data } = await engine.volumes.create({ name: 'data', userId: 'c1' });
  const canary = join(engine.folder, 'canary');
  for (const directory of [join(data, 'sub/dir'), join(canary, 'dir')])
    mkdirSync(directory, { recursive: true });
  writeFileSync(join(data, 'sub/dir/inside'), 'inside');
  writeFileSync(join(canary, 'dir/secret'), 'secret');
  return Object.assign(engine, { data, canary });
}

const SUBPATH = { subpath: 'sub/dir' };

test('a sub-path of a volume is bound, survives a restart of the engine, and is taken down', {
  skip,
}, async () => {
  await using engine = await startWithSubpath();
  const source = await engine.volumes.mount('data', 'c1', SUBPATH);
  assert.equal(readFileSync(join(source, 'inside'), 'utf8'), 'inside');
  const next = engine.restart();
  await next.restore({ existing: new Set(['c1']), running: new Set(['c1']) });
  assert.equal(listMountsBelow(source).length, 1);
  await next.unmount('data', 'c1');
  assert.deepEqual(listMountsBelow(engine.folder), []);
});

test('a user of the volume who swaps a directory for a link after the look changes nothing', {
  skip,
}, async () => {
  await using engine = await startWithSubpath();
  const source = await engine.volumes.mount('data', 'c1', SUBPATH);
  renameSync(join(engine.data, 'sub'), join(engine.data, 'moved'));
  symlinkSync(engine.canary, join(engine.data, 'sub'));
  assert.deepEqual(readdirSync(source), ['inside']);
  await engine.volumes.unmount('data', 'c1');
});

/** Swaps `sub` for a link to the canary and back, mostly as fast as it can, until terminated. */
const FLIPPER = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const { workerData: { sub, kept, canary }, parentPort } = require('node:worker_threads');
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  parentPort.postMessage('flipping');
  for (let turns = 1, restMs = 0; ; turns += 1) {
    renameSync(sub, kept);
    symlinkSync(canary, sub);
    unlinkSync(sub);
    renameSync(kept, sub);
    // Now and then it rests as the directory, each time for longer: however slow the machine is, both are met.
    if (turns % 500 === 0) Atomics.wait(nobody, 0, 0, (restMs += 1));
  }
`;

test('a user of the volume who flips a link all the time never gets a directory of the host', {
  skip,
}, async () => {
  await using engine = await startWithSubpath();
  const { data, canary } = engine;
  const flipper = new Worker(FLIPPER, {
    eval: true,
    workerData: { sub: join(data, 'sub'), kept: join(data, 'kept'), canary },
  });
  await once(flipper, 'message');
  let good = 0;
  let refused = 0;
  try {
    while (good < 100 || refused < 20) {
      const source = await engine.volumes.mount('data', 'c1', SUBPATH).catch((error: unknown) => {
        assert.match(String(error), /cannot access path /);
        return undefined;
      });
      if (source === undefined) refused += 1;
      else assert.deepEqual(readdirSync(source), ['inside'], `round ${++good}`);
      await engine.volumes.unmount('data', 'c1');
    }
  } finally {
    await flipper.terminate();
  }
});

test('links to the host, absolute, relative or through procfs, are refused', { skip }, async () => {
  for (const target of [
    (canary: string) => canary,
    (canary: string) => `${'../'.repeat(12)}${canary}`,
    (canary: string) => `/proc/self/root${canary}`,
  ]) {
    await using engine = await startWithSubpath();
    rmSync(join(engine.data, 'sub'), { recursive: true });
    symlinkSync(target(engine.canary), join(engine.data, 'sub'));
    await assert.rejects(engine.volumes.mount('data', 'c1', SUBPATH), {
      kind: 'invalid',
      message: /^cannot access path /,
    });
  }
});
