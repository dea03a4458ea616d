import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineEvent } from '#base/engine-event';
import { silentLogger } from '#base/logger';
import { RegistryClient } from '#distribution/registry-client';
import { RegistryConfig } from '#distribution/registry-config';
import { ImageService, type ImageServiceDeps } from '#image/image-service';
import { imageMigrations } from '#image/image-table';
import { layerBlobMigrations } from '#snapshot/layer-blob-table';
import { OverlaySnapshotter } from '#snapshot/overlay-snapshotter';
import { RebuiltBlobs } from '#snapshot/rebuilt-blobs';
import { snapshotMigrations } from '#snapshot/snapshot-table';
import { ContentStore } from '#store/content-store';
import { Database } from '#store/database';
import { JailPool } from '#store/jail-pool';
import { Leases } from '#store/leases';
import { linuxMounts, listMountsBelow } from '#sys/mount';

/** The image part of an engine on a temporary root; disposing it removes everything. */
export interface ImageEngine extends AsyncDisposable {
  readonly root: string;
  readonly images: ImageService;
  readonly content: ContentStore;
  readonly blobs: RebuiltBlobs;
  readonly snapshots: OverlaySnapshotter;
  readonly jail: JailPool;
  readonly leases: Leases;
  readonly events: Omit<EngineEvent, 'timeNanos'>[];
  /** Ends the engine as a crash would, and starts another one on the same root. */
  restart(): ImageEngine;
  /** Closes the database and leaves the root. */
  close(): void;
}

export function startImageEngine(
  options: Partial<Pick<ImageServiceDeps, 'isUsed' | 'isRunning' | 'platform'>> = {},
  root: string = mkdtempSync(join(tmpdir(), 'quai-image-')),
): ImageEngine {
  const db = new Database(join(root, 'state.db'));
  db.migrate([...snapshotMigrations, ...layerBlobMigrations, ...imageMigrations], silentLogger);
  const jail = new JailPool();
  const snapshots = new OverlaySnapshotter({
    db,
    root: join(root, 'snapshots'),
    jail,
    mounts: linuxMounts,
    format: process.env['QUAI_TEST_STORAGE_DRIVER'] === 'overlay2' ? 'directory' : 'erofs',
    logger: silentLogger,
    onTar: (diffId, { blobDigest, blobBytes, tarBytes }) =>
      blobs.note({ digest: blobDigest, sizeBytes: blobBytes, diffId, tarBytes }),
  });
  const content = new ContentStore({ root: join(root, 'content') });
  const leases = new Leases();
  const blobs = new RebuiltBlobs({ db, content, tars: snapshots, jail, leases, logger: silentLogger });
  const registries = new RegistryClient({
    content,
    partialRoot: join(root, 'content', 'partial'),
    config: new RegistryConfig({ logger: silentLogger }),
    certificateFolders: [],
    proxies: {},
    userAgent: 'quai-test',
    logger: silentLogger,
    backOff: { attempts: 2, baseMs: 5 },
  });
  const events: Omit<EngineEvent, 'timeNanos'>[] = [];
  const images = new ImageService({
    db,
    content,
    registries,
    blobs,
    leases,
    snapshots,
    jail,
    events: { emit: event => void events.push(event) },
    logger: silentLogger,
    isUsed: () => [],
    ...options,
  });
  let isOpen = true;
  const close = (): void => {
    if (isOpen) db[Symbol.dispose]();
    isOpen = false;
  };
  return {
    root,
    images,
    content,
    blobs,
    snapshots,
    jail,
    leases,
    events,
    restart: () => {
      close();
      return startImageEngine(options, root);
    },
    close,
    [Symbol.asyncDispose]: async () => {
      registries[Symbol.dispose]();
      await registries.settled();
      await blobs[Symbol.asyncDispose]();
      await snapshots.settled();
      await jail[Symbol.asyncDispose]();
      close();
      for (const { target } of listMountsBelow(root)) linuxMounts.unmount(target);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Why a test that needs root cannot run, or `false`. */
export function rootMissing(): string | false {
  return process.getuid?.() === 0 ? false : 'needs root';
}
