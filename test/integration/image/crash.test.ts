import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { dockerArchive, type TestImage } from '../../support/image-archive.ts';
import { rootMissing, startImageEngine } from '../../support/image-engine.ts';
import { filesOf, NOTHING } from './leftovers.ts';

const skip = rootMissing();
const LOADER = new URL('./crash-loader.ts', import.meta.url).pathname;

/** Layers of many files, so that a kill meets every stage of their unpacking; half of them large enough to be read while they come. */
const IMAGES: readonly TestImage[] = ['one', 'two', 'three'].map(name => ({
  tags: [`${name}:1`],
  layers: [0, 1].map(layer =>
    Array.from({ length: 150 }, (_, index) => ({
      path: `${name}/${layer}/${index}`,
      content: Buffer.alloc(layer === 0 ? 2000 : 8000, name),
    })),
  ),
}));

/** Loads in another process, which is killed `afterMs` after it began. @returns whether it was done before. */
async function loadAndKill(root: string, archive: string, afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, [LOADER, root, archive], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = Promise.withResolvers<number | null>();
  child.once('exit', code => exited.resolve(code));
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), afterMs));
  return (await exited.promise) === 0;
}

test('a kill in the middle of load() loses no image and leaves nothing half-made', { skip }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'quai-image-'));
  const archive = join(root, 'archive.tar');
  writeFileSync(archive, dockerArchive(IMAGES));
  const seen = new Set<number>();
  // Later and later, until a load is done before it is killed: how long that takes is the machine's affair.
  for (let afterMs = 0; afterMs < 20_000; afterMs += afterMs < 400 ? 45 : afterMs) {
    const isDone = await loadAndKill(root, archive, afterMs);
    const engine = startImageEngine({}, root);
    engine.images.sweep();
    await engine.snapshots.sweep(() => false);
    const images = engine.images.list();
    seen.add(images.length);
    // All that is there is whole, and nothing else is there.
    assert.deepEqual(
      await filesOf(engine),
      { ...NOTHING, blobs: images.length * 2, snapshots: images.length * 2 },
      `killed after ${afterMs} ms`,
    );
    for (const image of images) {
      assert.equal((await engine.snapshots.usage(image.snapshot ?? '')).inodes, 152);
      await engine.images.remove(image.id, { force: true, noPrune: false });
    }
    await engine.snapshots.settled();
    engine.close();
    if (isDone) break;
  }
  await using engine = startImageEngine({}, root);
  assert.ok(seen.size > 1, `every kill met the same stage: ${[...seen].join()}`);
  await engine.images.load(Readable.from([dockerArchive(IMAGES)]), () => undefined);
  assert.equal(engine.images.list().length, 3);
});
