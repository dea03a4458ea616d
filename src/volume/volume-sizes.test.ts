import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '#base/errors';
import { silentLogger } from '#base/logger';
import { migrated } from './fake-volume-deps.ts';
import { SizeTable } from './size-table.ts';
import { VolumeSizes } from './volume-sizes.ts';

const MANY = 100_000;

function setUp(db = migrated()) {
  const files = new Map<string, number>();
  const log: string[] = [];
  const clock = { now: 1_000_000 };
  const gate = { isShut: false, open: () => undefined as void, error: undefined as Error | undefined };
  const sizes = new VolumeSizes({
    table: new SizeTable(db),
    measure: async path => {
      log.push(path);
      const found = files.get(path) ?? 0;
      if (gate.isShut) await new Promise<void>(resolve => (gate.open = resolve));
      if (gate.error) throw gate.error;
      clock.now += found / 1000;
      return { sizeBytes: found * 10, inodes: found };
    },
    logger: silentLogger,
    now: () => clock.now,
  });
  const of = async (...names: string[]) => {
    const found = await sizes.of(names.map(name => ({ name, mountpoint: `/${name}` })));
    return found.map(({ sizeBytes }) => sizeBytes);
  };
  return { sizes, files, log, clock, gate, of, db };
}

describe('VolumeSizes', () => {
  test('small volumes are added up each time', async () => {
    const { files, of, log } = setUp();
    files.set('/a', 1).set('/b', 2);
    assert.deepEqual(await of('a', 'b'), [10, 20]);
    files.set('/a', 3);
    assert.deepEqual(await of('a', 'b'), [30, 20]);
    assert.equal(log.length, 4);
  });

  test('of a large one the last sum is told, and the next is made in the background, once and after a rest', async () => {
    const { sizes, files, of, log, clock, gate } = setUp();
    files.set('/a', MANY);
    assert.deepEqual(await of('a'), [MANY * 10]);
    files.set('/a', MANY + 1);
    assert.deepEqual(await of('a'), [MANY * 10]); // it rests
    assert.equal(log.length, 1);
    clock.now += 10_000;
    gate.isShut = true;
    assert.deepEqual(await of('a'), [MANY * 10]);
    assert.deepEqual(await of('a'), [MANY * 10]);
    assert.equal(log.length, 2);
    gate.open();
    await sizes.settled();
    assert.deepEqual(await of('a'), [(MANY + 1) * 10]);
    assert.equal(log.length, 2);
  });

  test('it is known after a restart, by the new name after a renaming, and forgotten with the volume', async () => {
    const { sizes, files, of, db } = setUp();
    files.set('/a', MANY);
    await of('a');
    const next = setUp(db);
    next.gate.error = new EngineError('internal', 'torn');
    assert.deepEqual(await next.of('a'), [MANY * 10]);
    sizes.renamed('a', 'b');
    assert.deepEqual(await setUp(db).of('b'), [MANY * 10]);
    assert.deepEqual(await setUp(db).of('a'), [0]);
    sizes.forget('b');
    assert.deepEqual(await setUp(db).of('b'), [0]);
  });

  test('what is found of content that was replaced meanwhile is not kept', async () => {
    const { sizes, files, of, gate, log } = setUp();
    files.set('/a', MANY);
    gate.isShut = true;
    const first = of('a');
    while (log.length === 0) await Promise.resolve();
    sizes.forget('a');
    gate.isShut = false;
    gate.open();
    await first;
    files.set('/a', 1);
    assert.deepEqual(await of('a'), [10]);
  });

  test('the first sum fails as adding up does; a later one in the background leaves the last', async () => {
    const { sizes, files, of, gate, clock } = setUp();
    gate.error = new EngineError('internal', 'ENOENT');
    await assert.rejects(of('a'), { message: 'ENOENT' });
    gate.error = undefined;
    files.set('/a', MANY);
    await of('a');
    gate.error = new EngineError('internal', 'torn');
    clock.now += 1_000_000;
    assert.deepEqual(await of('a'), [MANY * 10]);
    await sizes.settled();
    assert.deepEqual(await of('a'), [MANY * 10]);
  });
});
