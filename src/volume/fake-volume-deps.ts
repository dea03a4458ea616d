import { cpSync, existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { EngineError } from '#base/errors';
import { type LogFields, type Logger, silentLogger } from '#base/logger';
import { bindPart } from '#store/bind-part';
import { Database } from '#store/database';
import { lookAt } from '#store/look-at';
import type { SlowMounts, TreeJail, VolumeMounts } from './tree-jail.ts';
import type { VolumeDeps } from './volume-service.ts';
import { volumeMigrations } from './volume-table.ts';

export interface FakeVolumeDeps extends VolumeDeps {
  /** every effect, in order: events, mounts, removals, warnings */
  readonly log: string[];
  readonly mounted: Set<string>;
}

/** A database in memory, directories in `root`, and mounts that are only noted. */
export function fakeVolumeDeps(root: string, db: Database = migrated()): FakeVolumeDeps {
  const log: string[] = [];
  const mounted = new Set<string>();
  const mounts = notedMounts(log, mounted);
  return {
    db,
    root,
    log,
    mounted,
    jail: { ...plainTrees(log), ...slowly(mounts) },
    mounts,
    plugins: noPlugins,
    registries: noRegistries,
    logger: warningsTo(log),
    events: {
      emit: ({ action, actor }) => {
        const about = Object.entries(actor.attributes).map(([key, value]) => `${key}=${value}`);
        log.push([`event ${action}`, actor.id, ...about].join(' ').trimEnd());
      },
    },
  };
}

const noPlugins: VolumeDeps['plugins'] = {
  get: name => Promise.reject(new EngineError('notFound', `plugin "${name}" not found`)),
  announcedNames: () => [],
  activeNames: () => [],
};

/** For tests without registries. */
export const noRegistries: VolumeDeps['registries'] = {
  repository: () => {
    throw new TypeError('there are no registries in this test');
  },
};

export function migrated(): Database {
  const db = new Database(':memory:');
  db.migrate(volumeMigrations, silentLogger);
  return db;
}

function plainTrees(log: string[]): TreeJail {
  return {
    copyTree: async ({ root, path }, target) => {
      const source = join(root, path);
      if (!existsSync(source) || !statSync(source).isDirectory()) return false;
      cpSync(source, target, { recursive: true });
      return true;
    },
    usage: async () => ({ sizeBytes: 100, allocatedBytes: 0, inodes: 1 }),
    sync: async () => void log.push('sync'),
    pack: () => Readable.from([]),
    extract: () => Promise.reject(new TypeError('not in this fake')),
    removeTree: async directory => {
      if (!directory.endsWith('/_data')) log.push('remove tree'); // the data goes first
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function notedMounts(log: string[], mounted: Set<string>): VolumeMounts {
  return {
    mount: (target, { type, source, options }) => {
      if (type === 'broken')
        throw Object.assign(new Error('mount {"type":"broken"}: ENODEV'), { code: 'ENODEV' });
      mounted.add(target);
      log.push(`mount ${type} ${source} ${options.join(',')}`.trimEnd());
    },
    unmount: target => {
      if (mounted.delete(target)) log.push('unmount');
    },
    isMounted: target => mounted.has(target),
  };
}

function slowly(mounts: VolumeMounts): Omit<SlowMounts, 'copyTree'> {
  return {
    mount: async (target, spec) => mounts.mount(target, spec),
    unmount: async target => mounts.unmount(target),
    lookAt: async input => lookAt(input),
    bindPart: async input => bindPart(mounts, input),
  };
}

function warningsTo(log: string[]): Logger {
  return {
    ...silentLogger,
    warn: (message: string, fields: LogFields = {}) =>
      void log.push(`warn ${message}: ${String(fields['volume'] ?? fields['path'])}`),
  };
}
