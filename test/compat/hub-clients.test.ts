import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FaultProxy } from '../support/fault-proxy.ts';
import { ownHome, runProgram } from '../support/programs.ts';
import { RegistryRequests } from '../support/registry-requests.ts';
import { RegistryServer } from '../support/registry-server.ts';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const SKOPEO = '/usr/bin/skopeo';
const noSkopeo = existsSync(SKOPEO) ? false : 'no skopeo: Debian has it as a package';
let server: RegistryServer;
let proxy: FaultProxy;
let folder: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quai-hub-clients-'));
  server = await RegistryServer.start();
  proxy = await FaultProxy.before(server.port);
});
after(async () => {
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
const engine = compatEngine();

async function skopeo(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(SKOPEO, words, { env: ownHome(folder) });
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

test('skopeo copies, inspects, lists and deletes', { skip: noSkopeo }, async () => {
  const requests = new RegistryRequests(server.host);
  const image = await requests.push('skopeo/source', '1', randomBytes(300_000));
  const from = `docker://${server.host}/skopeo/source:1`;
  const to = `docker://${server.host}/skopeo/target:2`;
  const copy = (...words: string[]) => skopeo('copy', '--preserve-digests', ...words);
  await copy('--src-tls-verify=false', '--dest-tls-verify=false', from, to);
  const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', to)) as Record<string, unknown>;
  assert.deepEqual([inspected['Digest'], inspected['RepoTags']], [image.digest, ['2']]);

  const layout = `oci:${join(folder, 'layout')}:x`;
  await copy('--src-tls-verify=false', to, layout);
  await copy('--dest-tls-verify=false', layout, `docker://${server.host}/skopeo/again:3`);
  assert.equal(server.registry.catalog.tags('skopeo/again')[0]?.digest, image.digest);

  await skopeo('delete', '--tls-verify=false', to);
  assert.deepEqual(server.registry.catalog.tags('skopeo/target'), []);
});

test('skopeo converts to Docker types on the way', { skip: noSkopeo }, async () => {
  const requests = new RegistryRequests(server.host);
  await requests.push('skopeo/oci', '1');
  const [from, to] = [`docker://${server.host}/skopeo/oci:1`, `docker://${server.host}/skopeo/v2s2:1`];
  await skopeo('copy', '--format', 'v2s2', '--src-tls-verify=false', '--dest-tls-verify=false', from, to);
  const [tag] = server.registry.catalog.tags('skopeo/v2s2');
  assert.equal(tag?.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
});

test('an engine goes on with a push and a pull that were cut', { skip }, async () => {
  const name = `${proxy.host}/cut/push:1`;
  await loadImage(engine, {
    tags: [name],
    extra: [{ path: 'large', content: randomBytes(4_000_000).toString('hex') }],
  });
  let cuts = 0;
  proxy.fault = ({ method }) => {
    if (method !== 'PATCH' || cuts > 0) return undefined;
    cuts += 1;
    return { cutRequestAfter: 1_000_000 };
  };
  await engine.ok('push', name);
  assert.equal(cuts, 1);
  const placed = proxy.seen.find(({ method, headers }) => method === 'PATCH' && headers['content-range']);
  assert.match(String(placed?.headers['content-range']), /^[1-9]\d*-\d+$/, 'it went on where it was cut');

  const requests = new RegistryRequests(server.host);
  const { layers } = (await requests.call('GET', '/v2/cut/push/manifests/1')).json() as {
    layers: { digest: string; size: number }[];
  };
  const largest = layers.toSorted((one, other) => other.size - one.size)[0]?.digest ?? '';
  await engine.ok('rmi', name);
  cuts = 0;
  proxy.seen.length = 0;
  proxy.fault = ({ path, headers }) => {
    if (!path.endsWith(largest) || cuts > 0 || headers.range !== undefined) return undefined;
    cuts += 1;
    return { cutAfter: 1_000_000 };
  };
  await engine.ok('pull', name);
  proxy.fault = () => undefined;
  assert.equal(cuts, 1);
  assert.ok(
    proxy.seen.some(({ headers }) => headers.range !== undefined),
    'the rest was asked for',
  );
  await engine.ok('rmi', name);
});

test('what the registry refuses reaches whoever pushes', { skip }, async () => {
  const name = `${server.host}/full/disk:1`;
  await loadImage(engine, { tags: [name] });
  proxy.fault = ({ method }) =>
    method === 'PATCH'
      ? {
          answer: {
            status: 507,
            body: '{"errors":[{"code":"NO_SPACE","message":"no space left on device"}]}',
          },
        }
      : undefined;
  const through = `${proxy.host}/full/disk:1`;
  await engine.ok('tag', name, through);
  const { stderr } = await engine.refused('push', through);
  proxy.fault = () => undefined;
  assert.match(stderr, /no space left on device|507/);
  await engine.ok('rmi', name, through);
});
