import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '#base/errors';
import { writeErofs } from '#spec/erofs/erofs-writer';
import { LayerTree } from '#spec/erofs/layer-tree';
import { TarParser } from '#spec/tar/tar-parser';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { LAYER_INDEX, LAYER_TAR } from '#store/layer-files';
import type { Mounts } from '#sys/mount';
import { mountIndex } from './erofs-layers.ts';

const CONTENT = 'it works';

/**
 * Why layers cannot be kept as tars with an index below `root`, or `undefined` when they can. It is tried, with one file and overlayfs on
 * top, not concluded from the kernel's version: Linux mounts EROFS from files since 6.12, where that was built in.
 */
export function erofsMissing(root: string, mounts: Mounts): string | undefined {
  const directory = join(root, 'probe');
  const places = {
    index: join(directory, 'fs'),
    empty: join(directory, 'empty'),
    stack: join(directory, 'stack'),
  };
  const clear = (): void => {
    mounts.unmount(places.stack);
    mounts.unmount(places.index);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    clear(); // a crash may have left it
    for (const place of Object.values(places)) mkdirSync(place, { recursive: true, mode: 0o700 });
    writeLayer(directory);
    mountIndex(mounts, directory, places.index);
    const options = ['ro', `lowerdir=${[places.index, places.empty].map(escaped).join(':')}`];
    mounts.mount(places.stack, { type: 'overlay', source: 'overlay', options });
    const found = readFileSync(join(places.stack, 'f'), 'utf8');
    return found === CONTENT ? undefined : 'a file has another content there';
  } catch (error) {
    return messageOf(error);
  } finally {
    clear();
  }
}

function writeLayer(directory: string): void {
  const tar = Buffer.concat([tarEntry({ path: 'f' }, CONTENT), TAR_END]);
  writeFileSync(join(directory, LAYER_TAR), tar);
  const tree = new LayerTree();
  const parser = new TarParser(tree);
  parser.write(tar);
  parser.end();
  const index: Buffer[] = [];
  const write = (bytes: Buffer): void => void index.push(Buffer.from(bytes));
  writeErofs(tree.root, { tarBytes: tar.length, uuid: randomBytes(16), now: 0, write });
  writeFileSync(join(directory, LAYER_INDEX), Buffer.concat(index));
}

function escaped(path: string): string {
  return path.replace(/[\\:,]/g, String.raw`\$&`);
}
