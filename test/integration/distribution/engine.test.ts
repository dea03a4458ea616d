import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cannotRunDaemon, startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { publish } from '../../support/published-image.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { until } from '../../support/until.ts';

const skip = cannotRunDaemon || cannotRunRegistry;
let registry: TestRegistry;
let folder = '';

before(async () => {
  if (skip) return;
  registry = await TestRegistry.start();
  folder = mkdtempSync(join(tmpdir(), 'quai-engine-rules-'));
});

after(async () => {
  await registry?.[Symbol.asyncDispose]();
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** The last line of a pull: how it ended. */
async function pull(daemon: TestDaemon, image: string): Promise<string> {
  const { body } = await daemon.call(
    'POST',
    `/images/create?fromImage=${encodeURIComponent(image)}&tag=latest`,
  );
  return typeof body === 'string' ? (body.trim().split('\n').at(-1) ?? '') : JSON.stringify(body);
}

test('a pull whose engine was killed is not begun again: what had come stays', { skip }, async () => {
  const size = 24_000_000;
  const { layers } = await publish(registry.host, 'big/app', 'latest', [
    { layers: [[{ path: 'noise', content: randomBytes(size) }]], compress: 'none' },
  ]);
  const total = layers[0]?.bytes.length ?? 0;
  await using proxy = await FaultProxy.before(registry.port);
  await using daemon = await startDaemon();
  const isLayer = (path: string): boolean => path.includes(layers[0]?.digest ?? '?');
  let isStalling = true;
  proxy.fault = ({ path }) => (isStalling && isLayer(path) ? { stallAfter: 12_000_000 } : undefined);
  const image = `${proxy.host}/big/app`;
  const killed = pull(daemon, image).catch(() => 'cut');
  await until('half of the layer is noted', async () => {
    const { body } = await daemon.call('GET', '/_ping');
    return body !== undefined && partialBytes(daemon) > 8_000_000;
  });
  await daemon.kill9();
  await killed;

  isStalling = false;
  proxy.seen.length = 0;
  await daemon.start();
  assert.match(await pull(daemon, image), /Downloaded newer image/);
  const asked = proxy.seen.filter(({ path, method }) => method === 'GET' && isLayer(path));
  const from = asked.map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0));
  assert.equal(from.length, 1);
  assert.ok((from[0] ?? 0) > 8_000_000 && (from[0] ?? 0) < total, `the rest from ${from}`);
  const { status } = await daemon.call('DELETE', `/images/${image}?force=1`);
  assert.equal(status, 200);
});

/** What the engine has noted of downloads under way. */
function partialBytes({ root }: TestDaemon): number {
  const partial = join(root, 'content', 'partial');
  const notes = readdirSync(partial).filter(name => name.endsWith('.json'));
  return notes
    .flatMap(name => (JSON.parse(readFileSync(join(partial, name), 'utf8')) as { parts: number[][] }).parts)
    .reduce((sum, part) => sum + (part[2] ?? 0), 0);
}

test('rules for registries hold as soon as their file changes, without a restart', { skip }, async () => {
  await publish(registry.host, 'real/app', 'latest', [{ layers: [[{ path: 'x', content: 'x' }]] }]);
  const rules = join(folder, 'registries.json');
  const write = (content: unknown): void => {
    writeFileSync(`${rules}.new`, typeof content === 'string' ? content : JSON.stringify(content));
    renameSync(`${rules}.new`, rules);
  };
  write({ registries: [{ prefix: 'made-up.test', blocked: true }] });
  await using daemon = await startDaemon({ config: { registries: rules } });
  assert.match(await pull(daemon, 'made-up.test/app'), /made-up.test\/app is blocked by the rule for/);

  write({ registries: [{ prefix: 'made-up.test', location: `http://${registry.host}/real` }] });
  assert.match(await pull(daemon, 'made-up.test/app'), /Downloaded newer image for made-up.test\/app:latest/);

  write('{');
  assert.match(await pull(daemon, 'made-up.test/app'), /Image is up to date for made-up.test\/app:latest/);
  assert.match(daemon.log, /the rules for registries stay as they were: their file is wrong/);
  const { status } = await daemon.call('DELETE', '/images/made-up.test/app?force=1');
  assert.equal(status, 200);
});
