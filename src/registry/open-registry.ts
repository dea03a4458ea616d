import { join } from 'node:path';
import type { Logger } from '#base/logger';
import type { Edge } from '#http/http-server';
import type { Route } from '#http/route';
import type { ContentStore } from '#store/content-store';
import type { Database } from '#store/database';
import { Leases } from '#store/leases';
import type { AccessControl } from './access-control.ts';
import { BlobTable } from './blob-table.ts';
import { Blobs } from './blobs.ts';
import { type Collected, Collector } from './collector.ts';
import { ListHandlers } from './list-handlers.ts';
import { ManifestHandlers } from './manifest-handlers.ts';
import { ManifestTable } from './manifest-table.ts';
import { Manifests } from './manifests.ts';
import { PullCounter } from './pull-counter.ts';
import { registryEdge } from './registry-edge.ts';
import { RegistryEvents } from './registry-events.ts';
import { noFault, type ReachFault } from './registry-faults.ts';
import { registryMigrations } from './registry-migrations.ts';
import { DEFAULT_LIMITS, type Limits, type RegistryOptions } from './registry-options.ts';
import { registryRoutes } from './registry-routes.ts';
import type { RepositoryCatalog } from './repository-catalog.ts';
import { RepositoryTable } from './repository-table.ts';
import { StoredCatalog } from './stored-catalog.ts';
import { TagTable } from './tag-table.ts';
import { UploadHandlers } from './upload-handlers.ts';
import { UploadTable } from './upload-table.ts';
import { Uploads } from './uploads.ts';

export interface RegistryDeps {
  /** for what is being uploaded; on one file system with the content store */
  readonly root: string;
  readonly db: Database;
  /** of this registry alone: what it does not know is swept */
  readonly content: ContentStore;
  readonly access: AccessControl;
  readonly logger: Logger;
  /** milliseconds since 1970; default: the clock of the system */
  readonly now?: () => number;
  readonly options?: RegistryOptions;
  /** for tests that end it in the middle of something */
  readonly reach?: ReachFault;
}

/** A registry by the OCI distribution specification 1.1, as routes for an HTTP server. */
export interface Registry extends AsyncDisposable {
  readonly routes: readonly Route[];
  /** for a server that has these routes and no others; see `registryFailure` for one that has */
  readonly edge: Edge;
  readonly catalog: RepositoryCatalog;
  /** Takes away now what nobody needs; happens by itself every hour. */
  collect(): Promise<Collected>;
}

/**
 * Opens the registry in a folder, and sweeps what an earlier life has left half done.
 *
 *   <root>/uploads/<id>         what has come of a blob
 *   <content>/blobs/sha256/…    blobs
 *
 * Disposed, it stops collecting; the database and the server are whose they were.
 */
export function openRegistry(deps: RegistryDeps): Registry {
  const { db, content, logger, access, now = Date.now, reach = noFault } = deps;
  const limits: Limits = { ...DEFAULT_LIMITS, ...deps.options };
  db.migrate(registryMigrations, logger);
  const tables = {
    repositories: new RepositoryTable(db),
    blobs: new BlobTable(db),
    manifests: new ManifestTable(db),
    tags: new TagTable(db),
  };
  const leases = new Leases();
  const events = new RegistryEvents(logger);
  const blobs = new Blobs({ ...tables, db, content, leases, graceMs: limits.graceMs, reach, now });
  const table = new UploadTable(db);
  const uploads = new Uploads({ folder: join(deps.root, 'uploads'), table, blobs, limits, reach, now });
  const pulls = new PullCounter({ ...tables, db, logger, now });
  const manifests = new Manifests({ ...tables, db, content, events, pulls, reach, now });
  uploads.sweep();
  content.sweep(digest => tables.blobs.sizeOf(digest) !== undefined);
  const collector = new Collector({ ...tables, db, content, uploads, leases, limits, logger, reach, now });
  return {
    routes: registryRoutes({
      access,
      blobs,
      uploads: new UploadHandlers({ access, blobs, uploads, limits }),
      manifests: new ManifestHandlers({ manifests, limits }),
      lists: new ListHandlers({ ...tables, access }),
    }),
    edge: registryEdge,
    catalog: new StoredCatalog({ ...tables, db, manifests, pulls, uploads, events, logger, now }),
    collect: () => collector.collect(),
    [Symbol.asyncDispose]: async () => {
      pulls.flush();
      await collector[Symbol.asyncDispose]();
    },
  };
}
