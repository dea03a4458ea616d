import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { MountSource } from '#sys/mount';
import { type FakeVolumeDeps, fakeVolumeDeps } from './fake-volume-deps.ts';
import { VolumeService } from './volume-service.ts';

const TMPFS = { type: 'tmpfs', device: 'tmpfs' };
let folder: string;
let deps: FakeVolumeDeps;

describe('VolumeMounting', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'volume-mounting-'));
    deps = fakeVolumeDeps(join(folder, 'volumes'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('a mount that comes when nobody waits for it any more is taken down, and is kept for who came meanwhile', async () => {
    const gates: PromiseWithResolvers<void>[] = [];
    const late = async (target: string, spec: MountSource): Promise<void> => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      deps.mounts.mount(target, spec);
    };
    const slow = new VolumeService({ ...deps, jail: { ...deps.jail, mount: late } });
    await slow.create({ name: 'far', options: TMPFS });
    const giveUp = async (): Promise<void> => {
      const gone = new AbortController();
      const mounting = slow.mount('far', 'c1', { signal: gone.signal });
      while (gates.length === 0) await new Promise(setImmediate);
      gone.abort();
      await assert.rejects(mounting, { kind: 'cancelled' });
    };
    await giveUp();
    assert.equal(deps.db.get('SELECT count(*) AS n FROM volume_mounts')?.['n'], 0);
    gates.shift()?.resolve();
    while (deps.log.at(-1) !== 'unmount') await new Promise(setImmediate);
    assert.equal(deps.mounted.size, 0);

    await giveUp();
    const other = slow.mount('far', 'c2');
    while (gates.length < 2) await new Promise(setImmediate);
    for (const gate of gates) gate.resolve();
    await other;
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    assert.equal(deps.mounted.size, 1);
    await slow.unmount('far', 'c2');
    assert.equal(deps.mounted.size, 0);
  });
});
