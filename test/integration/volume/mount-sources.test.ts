import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as v from 'valibot';
import type { ContainerId } from '#base/ids';
import { silentLogger } from '#base/logger';
import type { MountPoint } from '#container/container';
import { NEW_STATE } from '#container/container-machine';
import { prepareMounts, releaseSubpaths } from '#container/mount-sources';
import { HostConfig } from '#spec/docker/host-config';
import { linuxMounts, listMountsBelow } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';

const skip = rootMissing();

const MOUNT: MountPoint = {
  type: 'volume',
  name: 'data',
  source: '',
  destination: '/x',
  mode: 'z',
  isWritable: true,
  propagation: '',
  subpath: 'sub/dir',
};

interface Place extends Disposable {
  readonly volume: string;
  readonly canary: string;
  prepare(): Promise<string>;
  release(): void;
}

/** A volume with a directory `sub/dir`, and a directory of the host that must never show up. */
function place(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'subpath-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['rootfs', 'bundle', 'volume/sub/dir', 'canary/dir'])
    mkdirSync(at(name), { recursive: true });
  writeFileSync(at('volume/sub/dir/inside'), 'inside');
  writeFileSync(at('canary/dir/secret'), 'secret');
  const container = {
    id: 'c1' as ContainerId,
    mounts: [MOUNT],
    hostConfig: v.parse(HostConfig, {}),
    state: NEW_STATE,
  };
  return {
    volume: at('volume'),
    canary: at('canary'),
    async prepare() {
      const [mount] = await prepareMounts(
        container,
        { rootfs: at('rootfs'), bundle: at('bundle') },
        {
          volumes: { mount: async () => at('volume'), copyUp: async () => undefined },
          mounts: linuxMounts,
          logger: silentLogger,
        },
      );
      return mount?.source ?? '';
    },
    release: () => releaseSubpaths(container, at('bundle'), { mounts: linuxMounts }),
    [Symbol.dispose]() {
      releaseSubpaths(container, at('bundle'), { mounts: linuxMounts });
      const left = listMountsBelow(folder);
      for (const { target } of left) linuxMounts.unmount(target);
      rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(left, []);
    },
  };
}

test('a sub-path of a volume is bound, also a second time, and taken down', { skip }, async () => {
  using here = place();
  await here.prepare();
  const source = await here.prepare(); // as after a crash: what was bound before is still there
  assert.equal(readFileSync(join(source, 'inside'), 'utf8'), 'inside');
  assert.equal(listMountsBelow(source).length, 1);
  here.release();
  assert.deepEqual(listMountsBelow(source), []);
});

test('a user of the volume who swaps a directory for a link after the look changes nothing', {
  skip,
}, async () => {
  using here = place();
  const source = await here.prepare();
  renameSync(join(here.volume, 'sub'), join(here.volume, 'moved'));
  symlinkSync(here.canary, join(here.volume, 'sub'));
  assert.deepEqual(readdirSync(source), ['inside']);
});

/** Swaps `sub` for a link to the canary and back as fast as it can, until terminated. */
const FLIPPER = `
  const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const { workerData: { sub, kept, canary }, parentPort } = require('node:worker_threads');
  parentPort.postMessage('flipping');
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    renameSync(sub, kept);
    symlinkSync(canary, sub);
    unlinkSync(sub);
    renameSync(kept, sub);
  }
`;

test('a user of the volume who flips a link all the time never gets a directory of the host', {
  skip,
}, async () => {
  using here = place();
  const workerData = { sub: join(here.volume, 'sub'), kept: join(here.volume, 'kept'), canary: here.canary };
  const flipper = new Worker(FLIPPER, { eval: true, workerData });
  await once(flipper, 'message');
  let good = 0;
  let refused = 0;
  try {
    const deadline = Date.now() + 8000;
    while ((good < 200 || refused < 50) && Date.now() < deadline) {
      const source = await here.prepare().catch((error: unknown) => {
        assert.match(String(error), /cannot access path /);
        return undefined;
      });
      if (source === undefined) refused += 1;
      else assert.deepEqual(readdirSync(source), ['inside'], `round ${++good}`);
      here.release();
    }
  } finally {
    await flipper.terminate();
  }
  assert.ok(good > 0 && refused > 0, `${good} times the directory, ${refused} times refused`);
});

test('links to the host, absolute, relative or through procfs, are refused', { skip }, async () => {
  for (const target of [
    (canary: string) => canary,
    (canary: string) => `${'../'.repeat(12)}${canary}`,
    (canary: string) => `/proc/self/root${canary}`,
  ]) {
    using here = place();
    rmSync(join(here.volume, 'sub'), { recursive: true });
    symlinkSync(target(here.canary), join(here.volume, 'sub'));
    await assert.rejects(here.prepare(), { kind: 'invalid', message: /^cannot access path / });
  }
});
