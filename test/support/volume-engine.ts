import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '#base/logger';
import type { PluginPlaces } from '#plugin/plugin-discovery';
import { Plugins } from '#plugin/plugins';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { linuxMounts, listMountsBelow } from '#sys/mount';
import type { ArtifactRegistries } from '#volume/artifact-repository';
import { noRegistries } from '#volume/fake-volume-deps';
import { VolumeService } from '#volume/volume-service';
import { VolumeTable, volumeMigrations } from '#volume/volume-table';

export interface VolumeEngine extends AsyncDisposable {
  readonly folder: string;
  readonly volumes: VolumeService;
  /** What a new engine makes of the same disk and database. */
  restart(): VolumeService;
  /** What the engine writes down before it moves a volume's directory. */
  noteRename(from: string, to: string): void;
}

/** Volumes on a real disk, with real threads and mounts; disposing it fails when something stays mounted. */
export async function startVolumes(
  places: PluginPlaces = { sockets: [], specs: [] },
  registries: ArtifactRegistries = noRegistries,
  { answerMs = 20_000, threads = 1 }: { readonly answerMs?: number; readonly threads?: number } = {},
): Promise<VolumeEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'volumes-'));
  const db = new Database(join(folder, 'db'));
  db.migrate(volumeMigrations, silentLogger);
  const jail = new JailPool({ size: threads });
  const make = (): VolumeService =>
    new VolumeService({
      db,
      root: join(folder, 'volumes'),
      jail,
      answerMs,
      mounts: linuxMounts,
      registries,
      plugins: new Plugins({ logger: silentLogger, places }),
      events: { emit: () => undefined },
      logger: silentLogger,
    });
  const volumes = make();
  return {
    folder,
    volumes,
    restart: make,
    noteRename: (from, to) => new VolumeTable(db).beginRename(from, to),
    async [Symbol.asyncDispose]() {
      await volumes.settled();
      await jail[Symbol.asyncDispose]();
      db[Symbol.dispose]();
      const left = listMountsBelow(folder);
      for (const { target } of left) linuxMounts.unmount(target);
      rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(left, []);
    },
  };
}
