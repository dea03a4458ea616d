import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TarEntry } from '#spec/tar/tar-entry';
import { TarParser } from '#spec/tar/tar-parser';
import { ArchiveSource } from '#store/archive-source';
import { removeTree } from '#sys/remove-tree';
import { treeUsage } from '#sys/tree-usage';
import type { OverlaySnapshotterDeps } from './overlay-snapshotter.ts';

/** What the threads of a jail do, done here, for archives of plain files and directories that the test made itself. */
export function fakeLayerJail(): OverlaySnapshotterDeps['jail'] {
  return {
    extract: async ({ archive, directory }, { signal } = {}) => {
      const input = typeof archive === 'string' ? { path: archive } : archive;
      await using source = new ArchiveSource(input, () => signal?.aborted ?? false);
      let sizeBytes = 0;
      let current: TarEntry | undefined;
      const parser = new TarParser({
        entry: entry => {
          current = entry;
          const path = join(directory, entry.path);
          if (entry.type === 'directory') mkdirSync(path, { mode: entry.mode, recursive: true });
          else writeFileSync(path, '');
          sizeBytes += entry.size;
        },
        data: bytes => writeFileSync(join(directory, current?.path ?? ''), bytes, { flag: 'a' }),
        endEntry: () => undefined,
      });
      for await (const chunk of source.chunks()) parser.write(chunk);
      parser.end();
      return { ...source.facts, sizeBytes, entries: 0, topLevelNames: [], implicitDirectories: [] };
    },
    adopt: async () => undefined,
    index: () => Promise.reject(new TypeError('takes a kernel')),
    sealIndex: () => Promise.reject(new TypeError('takes a kernel')),
    removeTree: async path => void removeTree(path),
    sync: async () => undefined,
    usage: async path => {
      const usage = treeUsage(path);
      if (!usage) throw new TypeError('was not stopped');
      return usage;
    },
  };
}
