import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { JailPool } from '#store/jail-pool';
import { linuxMounts } from '#sys/mount';
import { rootMissing } from '../../support/image-engine.ts';
import { diskMissing, LoopDisk } from '../../support/loop-disk.ts';

const FILE_BYTES = 48 * 1024 * 1024;

for (const type of ['btrfs', 'xfs'] as const) {
  test(`a copy on ${type} shares its blocks with the original`, {
    skip: rootMissing() || diskMissing(type),
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quai-reflink-'));
    await using undo = new AsyncDisposableStack();
    undo.defer(() => rmSync(folder, { recursive: true, force: true }));
    const disk = undo.use(await LoopDisk.make(join(folder, 'disk'), type));
    const place = join(folder, 'mounted');
    mkdirSync(place);
    linuxMounts.mount(place, { type, source: disk.device, options: [] });
    undo.defer(() => linuxMounts.unmount(place));
    await using jail = new JailPool({ size: 1 });
    const content = randomBytes(FILE_BYTES);
    for (const name of ['source', 'copy']) mkdirSync(join(place, name));
    writeFileSync(join(place, 'source', 'file'), content);
    await jail.sync(place);
    const used = (): number => {
      const { blocks, bfree, bsize } = statfsSync(place);
      return (blocks - bfree) * bsize;
    };
    const before = used();

    await jail.copyTree({ root: join(place, 'source'), path: '/' }, join(place, 'copy'));

    await jail.sync(place);
    assert.ok(used() - before < FILE_BYTES / 8, `${used() - before} bytes more`);
    assert.ok(readFileSync(join(place, 'copy', 'file')).equals(content));
  });
}
