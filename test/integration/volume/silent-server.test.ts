import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { GlusterStorage, glusterMissing, unmount } from '../../support/gluster-storage.ts';
import { rootMissing } from '../../support/image-engine.ts';
import { until } from '../../support/until.ts';
import { startVolumes } from '../../support/volume-engine.ts';

const skip = rootMissing() || glusterMissing;
const ANSWER_MS = 4000;

/** How often the clock of this thread moved while something was waited for. */
async function ticksDuring(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  const clock = setInterval(() => (ticks += 1), 20);
  try {
    await work();
  } finally {
    clearInterval(clock);
  }
  return ticks;
}

// The client of a file system is stopped, as a server that is dead looks to who uses it: nothing answers, nothing fails.
test('a volume whose server is silent is refused within a bound, and holds up nobody else', {
  skip,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-silent-'));
  const top = join(folder, 'mounted');
  await using storage = await GlusterStorage.start(join(folder, 'storage'));
  const client = await storage.mount(top);
  try {
    await using engine = await startVolumes(undefined, undefined, { answerMs: ANSWER_MS, threads: 4 });
    const { volumes } = engine;
    mkdirSync(join(top, 'part'));
    writeFileSync(join(top, 'part/file'), 'far');
    const options = { type: 'none', o: 'bind', device: top };
    await volumes.create({ name: 'far', options });
    await volumes.mount('far', 'c1'); // it is mounted while it answers
    const part = await volumes.mount('far', 'c2', { subpath: 'part' });
    assert.equal(readFileSync(join(part, 'file'), 'utf8'), 'far');

    client.pause();
    const silent = {
      kind: 'unavailable',
      message: /volume far \(none .*mounted\) has not answered for 4 s/,
    };
    const asked: (() => Promise<unknown>)[] = [
      () => volumes.mount('far', 'c3'),
      () => volumes.mount('far', 'c4', { subpath: 'part' }),
      () => volumes.contents.stat('far', '/part/file'),
      () => volumes.contents.pack('far', { path: '/part' }),
      () => volumes.contents.put('far', '/part', Readable.from([Buffer.alloc(1024)])),
      () => volumes.contents.clone('far', 'near'),
    ];
    const ticks = await ticksDuring(async () => {
      await Promise.all(asked.map(ask => assert.rejects(ask(), silent)));
    });
    assert.ok(ticks > 10, `the clock moved ${ticks} times`);
    await volumes.create({ name: 'near', userId: 'c1' });
    await volumes.mount('near', 'c1');
    assert.equal((await volumes.contents.stat('near', '/')).name, '/', 'threads are left');
    await volumes.unmount('far', 'c2'); // its end waits for nothing
    client.goOn();

    await until('it answers again', () =>
      volumes.mount('far', 'c5', { subpath: 'part' }).then(
        () => true,
        () => false,
      ),
    );
    assert.match((await buffer(await volumes.contents.pack('far', { path: '/part' }))).toString(), /far/);
    for (const id of ['c1', 'c3', 'c4', 'c5']) await volumes.unmount('far', id);
    await volumes.unmount('near', 'c1');
  } finally {
    client.goOn();
    await unmount(top);
  }
  await storage[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
