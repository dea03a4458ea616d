import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import * as v from 'valibot';
import { silentLogger } from '#base/logger';
import { text } from '#spec/docker/lenient';
import { type FakeMethods, FakePlugin } from './fake-plugin.ts';
import { Plugins } from './plugins.ts';

const Answer = v.object({ Word: text, Count: v.optional(v.number(), 0) });

let folder: string;
let plugins: Plugins;

describe('Plugins', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quai-plugin-'));
    for (const name of ['run', 'etc', 'lib']) mkdirSync(join(folder, name));
    plugins = new Plugins({
      logger: silentLogger,
      places: { sockets: [join(folder, 'run')], specs: [join(folder, 'etc'), join(folder, 'lib')] },
    });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function serve(name: string, methods: FakeMethods = {}, place = `run/${name}.sock`): Promise<FakePlugin> {
    return FakePlugin.start(join(folder, place), { capabilities: ['VolumeDriver'], methods });
  }

  test('get() activates a plugin once, with the media type of the protocol', async () => {
    await using fake = await serve('one');
    const [first, second] = await Promise.all([
      plugins.get('one', 'VolumeDriver'),
      plugins.get('one', 'VolumeDriver'),
    ]);
    assert.equal(first, second);
    assert.equal(await plugins.get('one', 'VolumeDriver'), first);
    assert.deepEqual(fake.calls, ['Plugin.Activate']);
    assert.deepEqual([...fake.accepts], ['application/vnd.docker.plugins.v1.2+json']);
    assert.deepEqual(plugins.activeNames('VolumeDriver'), ['one']);
    assert.deepEqual(plugins.activeNames('NetworkDriver'), []);
  });

  test('get() finds a socket one folder deep, and what files in the other folders say', async () => {
    for (const name of ['run/deep', 'lib/far']) mkdirSync(join(folder, name));
    await using _deep = await serve('deep', {}, 'run/deep/deep.sock');
    await using elsewhere = await serve('spec', {}, 'elsewhere.sock');
    writeFileSync(join(folder, 'etc/spec.spec'), `unix://${elsewhere.socketPath}\n`);
    const json = { Name: 'far', Addr: `unix://${elsewhere.socketPath}`, TLSConfig: null };
    writeFileSync(join(folder, 'lib/far/far.json'), JSON.stringify(json));

    for (const name of ['deep', 'spec', 'far'])
      assert.equal((await plugins.get(name, 'VolumeDriver')).name, name);
    assert.deepEqual(plugins.announcedNames(), ['deep', 'far', 'spec']);
    assert.equal(elsewhere.calls.length, 2);
  });

  test('get() of an unknown name, of one that leads elsewhere and of one that lacks it: Docker’s wording', async () => {
    await using _fake = await serve('one');
    for (const name of ['nope', '../etc/passwd', '', 'a/b', '.hidden']) {
      await assert.rejects(plugins.get(name, 'VolumeDriver'), {
        kind: 'notFound',
        message: `plugin "${name}" not found`,
      });
    }
    await assert.rejects(plugins.get('one', 'NetworkDriver'), {
      kind: 'notFound',
      message: 'plugin "one" does not implement NetworkDriver',
    });
  });

  test('get() waits for a plugin that comes later, when asked to', async () => {
    const found = plugins.get('late', 'VolumeDriver', { waitMs: 10_000 });
    await using _fake = await serve('late');
    assert.equal((await found).name, 'late');
  });

  test('call() parses the answer, whatever the case of its keys, and takes an empty one', async () => {
    await using fake = await serve('one', {
      'X.Word': () => ({ word: 'yes', extra: 1 }),
      'X.Nothing': () => ({ status: 200, raw: '' }),
    });
    const plugin = await plugins.get('one', 'VolumeDriver');
    assert.deepEqual(await plugin.call('X.Word', { a: 1 }, Answer), { Word: 'yes', Count: 0 });
    assert.deepEqual(await plugin.call('X.Nothing', undefined, Answer), { Word: '', Count: 0 });
    assert.deepEqual(fake.requests.slice(1), [{ a: 1 }, {}]);
  });

  const bad: readonly (readonly [string, FakeMethods[string], { kind: string; message: RegExp }])[] = [
    ['refuses', () => ({ Err: 'no room' }), { kind: 'internal', message: /^X\.Do: no room$/ }],
    [
      'refuses with a status',
      () => ({ status: 500, raw: '{"Err":"no room"}' }),
      { kind: 'internal', message: /^X\.Do: no room$/ },
    ],
    [
      'fails in words',
      () => ({ status: 404, raw: 'what?' }),
      { kind: 'internal', message: /^X\.Do: what\?$/ },
    ],
    [
      'answers no JSON',
      () => ({ status: 200, raw: '<html>' }),
      { kind: 'internal', message: /^plugin "one": X\.Do: bad answer/ },
    ],
    ['answers a list', () => [1], { kind: 'internal', message: /^plugin "one": X\.Do: bad answer/ }],
    [
      'answers of the wrong type',
      () => ({ Word: 7 }),
      { kind: 'internal', message: /^plugin "one": X\.Do: bad answer: Word: / },
    ],
    ['goes away', () => 'vanish', { kind: 'unavailable', message: /^plugin "one" went away during X\.Do/ }],
    [
      'switches protocols',
      () => 'switch protocols',
      { kind: 'unavailable', message: /^plugin "one" went away during X\.Do/ },
    ],
    ['hangs', () => 'hang', { kind: 'deadline', message: /^plugin "one": X\.Do took longer than 0\.05 s$/ }],
    [
      'never stops talking',
      () => 'endless',
      { kind: 'internal', message: /^plugin "one": X\.Do: bad answer: more than/ },
    ],
  ];
  for (const [what, method, error] of bad) {
    test(`call() of a plugin that ${what}: says so, and names it`, async () => {
      await using fake = await serve('one', method ? { 'X.Do': method } : {});
      const plugin = await plugins.get('one', 'VolumeDriver');
      const timeoutMs = what === 'hangs' ? 50 : 10_000;
      await assert.rejects(plugin.call('X.Do', {}, Answer, { timeoutMs }), error);
      assert.deepEqual(fake.calls, ['Plugin.Activate', 'X.Do'], 'a call that was sent is not repeated');
    });
  }

  test('call() of a plugin that is gone fails, and one that came back is asked anew', async () => {
    const fake = await serve('one');
    const plugin = await plugins.get('one', 'VolumeDriver');
    await fake[Symbol.asyncDispose]();
    await assert.rejects(plugin.call('X.Do', {}, Answer, { patienceMs: 0 }), {
      kind: 'unavailable',
      message: /^plugin "one" does not answer at unix:.*is its process running\?$/,
    });
    assert.deepEqual(plugins.activeNames('VolumeDriver'), []);

    await using again = await serve('one', { 'X.Do': () => ({ Word: 'back' }) });
    const found = await plugins.get('one', 'VolumeDriver');
    assert.equal((await found.call('X.Do', {}, Answer)).Word, 'back');
    assert.deepEqual(again.calls, ['Plugin.Activate', 'X.Do']);
  });

  test('call() tries again while a plugin is being restarted', async () => {
    const fake = await serve('one');
    const plugin = await plugins.get('one', 'VolumeDriver');
    await fake[Symbol.asyncDispose]();
    const answer = plugin.call('X.Do', {}, Answer, { patienceMs: 10_000 });
    await using _again = await serve('one', { 'X.Do': () => ({ Word: 'back' }) });
    assert.equal((await answer).Word, 'back');
  });

  test('call() is cancelled by its signal', async () => {
    await using _fake = await serve('one', { 'X.Do': () => 'hang' });
    const plugin = await plugins.get('one', 'VolumeDriver');
    const abort = new AbortController();
    const answer = plugin.call('X.Do', {}, Answer, { signal: abort.signal });
    abort.abort();
    await assert.rejects(answer, { kind: 'cancelled' });
  });

  test('list() tells what each implements, and why one could not be asked', async () => {
    await using _fake = await serve('good');
    writeFileSync(join(folder, 'etc/bad.spec'), 'nonsense');
    writeFileSync(join(folder, 'etc/gone.spec'), `unix://${join(folder, 'nobody.sock')}`);
    writeFileSync(join(folder, 'etc/huge.json'), ' '.repeat(100_000));
    const list = await plugins.list();
    assert.deepEqual(
      list.map(({ name, implements: capabilities, problem }) => [name, capabilities, problem !== undefined]),
      [
        ['bad', [], true],
        ['gone', [], true],
        ['good', ['VolumeDriver'], false],
        ['huge', [], true],
      ],
    );
    assert.match(
      list[0]?.problem ?? '',
      /^cannot use the plugin description .*bad\.spec: "nonsense" is no address/,
    );
  });
});
