import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { tarOf } from './image-archive.ts';
import { startVolumes } from './volume-engine.ts';

const LIMIT_BYTES = 8 * 1024 * 1024;
const MUCH = Buffer.alloc(12 * 1024 * 1024, 'x');

/** What volumes with a limit must do on the file system of `/tmp`. A program, so that another kernel can run it. */
async function main(): Promise<void> {
  await using engine = await startVolumes();
  const { volumes, folder } = engine;
  const { contents } = volumes;
  const small = await volumes.create({ name: 'small', options: { size: '8M' } });
  const free = await volumes.create({ name: 'free' });
  const overflow = (mountpoint: string): void => {
    mkdirSync(join(mountpoint, 'deep/er'), { recursive: true });
    assert.match(writeMuch(join(mountpoint, 'deep/er/much')), /No space left on device|Disk quota exceeded/);
    writeFileSync(join(mountpoint, 'deep/er/much'), ''); // gives it back
    writeFileSync(join(mountpoint, 'file'), 'kept');
  };
  overflow(small.mountpoint);
  assert.equal(writeMuch(join(free.mountpoint, 'much')), '');
  const { blocks, bsize } = statfsSync(small.mountpoint);
  assert.equal(blocks * bsize, LIMIT_BYTES, 'df in a container shows the limit');

  const renamed = await volumes.rename('small', 'renamed');
  await contents.snapshot('renamed', 'before');
  writeFileSync(join(renamed.mountpoint, 'file'), 'changed');
  await contents.restore('renamed', 'before');
  assert.equal(readFileSync(join(renamed.mountpoint, 'file'), 'utf8'), 'kept');
  overflow(renamed.mountpoint);
  const tar = tarOf([{ path: 'much', content: MUCH }]);
  await assert.rejects(contents.unpack('renamed', Readable.from([tar])), { kind: 'unavailable' });
  assert.equal(readFileSync(join(renamed.mountpoint, 'file'), 'utf8'), 'kept');
  await contents.clone('renamed', 'copy');
  assert.equal(writeMuch(join(volumes.get('copy').mountpoint, 'much')), '');

  for (const name of ['renamed', 'free', 'copy']) await volumes.remove(name);
  await volumes.settled();
  assert.deepEqual(readdirSync(join(folder, 'volumes', '.trash')), []);
}

/** As a container does it, which has no CAP_SYS_RESOURCE. @returns what went wrong. */
function writeMuch(path: string): string {
  const words = [
    '--bounding-set=-sys_resource',
    'dd',
    'if=/dev/zero',
    `of=${path}`,
    'bs=1M',
    'count=12',
    'status=none',
  ];
  const { stderr, error } = spawnSync('setpriv', words, { encoding: 'utf8' });
  return error ? String(error) : stderr;
}

await main();
process.stdout.write('limits hold\n');
