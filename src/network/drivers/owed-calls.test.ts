import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { silentLogger } from '#base/logger';
import { type FakeAnswer, FakePlugin } from '#plugin/fake-plugin';
import { Plugins } from '#plugin/plugins';
import { Database } from '#store/database';
import { networkMigrations } from '../network-migrations.ts';
import { type OwedCall, OwedCallTable } from '../owed-call-table.ts';
import { OwedCalls } from './owed-calls.ts';

function call(method: string, networkId = 'n1'): OwedCall {
  return { plugin: 'far', capability: 'NetworkDriver', method, networkId, request: { of: method } };
}

class Scene implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'owed-'));
  readonly table: OwedCallTable;
  readonly owed: OwedCalls;
  readonly plugins: Plugins;
  readonly #db = new Database(':memory:');
  readonly #timeoutMs: number;

  constructor(timeoutMs = 10_000) {
    this.#db.migrate(networkMigrations, silentLogger);
    this.table = new OwedCallTable(this.#db);
    const places = { sockets: [this.folder], specs: [] };
    this.plugins = new Plugins({ logger: silentLogger, places });
    this.#timeoutMs = timeoutMs;
    this.owed = this.again();
  }

  /** As the next run of the engine has it. */
  again(): OwedCalls {
    const { table, plugins } = this;
    return new OwedCalls({ table, plugins, timeoutMs: this.#timeoutMs, logger: silentLogger });
  }

  plugin(answers: Readonly<Record<string, FakeAnswer>> = {}): Promise<FakePlugin> {
    const methods = Object.fromEntries(['a', 'b', 'c'].map(name => [name, () => answers[name] ?? {}]));
    return FakePlugin.start(join(this.folder, 'far.sock'), { capabilities: ['NetworkDriver'], methods });
  }

  left(): string[] {
    return this.table.of('far').map(({ method }) => method);
  }

  [Symbol.dispose](): void {
    this.owed[Symbol.dispose]();
    this.#db[Symbol.dispose]();
    rmSync(this.folder, { recursive: true });
  }
}

describe('OwedCalls', () => {
  test('pay() makes what is owed, in order, once, also when it is called twice at a time', async () => {
    using scene = new Scene();
    await using plugin = await scene.plugin();
    scene.owed.note([call('a'), call('b')]);
    await Promise.all([scene.owed.pay('far'), scene.owed.pay('far')]);
    assert.deepEqual(plugin.calls, ['Plugin.Activate', 'a', 'b']);
    assert.deepEqual(plugin.requests.slice(1), [{ of: 'a' }, { of: 'b' }]);
    assert.deepEqual(scene.left(), []);
  });

  test('pay() leaves what is owed to a plugin that is not there, and never throws', async () => {
    using scene = new Scene();
    scene.owed.note([call('a'), call('b')]);
    await scene.owed.pay('far');
    assert.deepEqual(scene.left(), ['a', 'b']);
    await using plugin = await scene.plugin();
    await scene.owed.payAll();
    assert.deepEqual(plugin.calls.slice(1), ['a', 'b']);
  });

  test('a plugin that refuses has been told; one that goes away meanwhile is told again', async () => {
    using scene = new Scene();
    scene.owed.note([call('a'), call('b'), call('c')]);
    {
      await using plugin = await scene.plugin({ a: { Err: 'no' }, b: 'vanish' });
      await scene.owed.pay('far');
      assert.deepEqual(plugin.calls.slice(1), ['a', 'b']);
    }
    assert.deepEqual(scene.left(), ['b', 'c']);
    await using plugin = await scene.plugin();
    await scene.owed.pay('far');
    assert.deepEqual(plugin.calls.slice(-2), ['b', 'c']);
  });

  test('one that hangs costs one time-out, and has been told; the rest waits', async () => {
    using scene = new Scene(200);
    scene.owed.note([call('a'), call('b')]);
    await using _plugin = await scene.plugin({ a: 'hang' });
    await scene.plugins.get('far', 'NetworkDriver');
    await scene.owed.pay('far');
    assert.deepEqual(scene.left(), ['b']);
  });

  test('what is held is told by the next run of the engine, unless it is dropped or noted in another way', async () => {
    using scene = new Scene();
    await using plugin = await scene.plugin();
    const held = scene.owed.hold([call('a'), call('b')]);
    const kept = scene.owed.hold([call('c')]);
    await scene.owed.payAll();
    assert.deepEqual(plugin.calls, [], 'not as long as this one lives');
    scene.owed.drop(kept);
    assert.deepEqual(scene.left(), ['a', 'b']);
    await scene.again().payAll();
    assert.deepEqual(plugin.calls.slice(1), ['a', 'b']);
    scene.owed.note([call('c')], held);
    await scene.owed.pay('far');
    assert.deepEqual(plugin.calls.slice(3), ['c']);
  });

  test('forget() strikes out what was to be told of a network that is gone', async () => {
    using scene = new Scene();
    scene.owed.note([call('a'), call('b', 'n2'), { ...call('c'), capability: 'IpamDriver' }]);
    scene.owed.forget('n1');
    assert.deepEqual(scene.left(), ['b', 'c']);
  });
});
