import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RegistryRequests, sha256 } from '../../support/registry-requests.ts';
import { RegistryServer } from '../../support/registry-server.ts';

const skip = process.getuid?.() === 0 ? false : 'a small file system takes root to mount';

test('a full disk: NO_SPACE, pulls go on, and pushes again once there is room', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quai-registry-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100m', 'quai-registry-full', folder]);
  try {
    await using server = await RegistryServer.start({ folder: join(folder, 'registry') });
    const registry = new RegistryRequests(server.host);
    const image = await registry.push('a/b', '1', randomBytes(20_000_000));
    const refusals: (string | undefined)[] = [];
    for (let count = 0; count < 2; count += 1) {
      const body = randomBytes(30_000_000);
      const path = `/v2/a/b/blobs/uploads/?digest=${sha256(body)}`;
      const { status, code, message } = await registry.call('POST', path, { body });
      refusals.push(code);
      if (code === 'NO_SPACE') assert.deepEqual([status, message], [507, 'no space left on device']);
    }
    assert.equal(refusals.at(-1), 'NO_SPACE');
    const pulled = await registry.call('GET', `/v2/a/b/blobs/${image.layer}`);
    assert.equal(sha256(pulled.bytes), image.layer);
    const large = { ...JSON.parse(image.manifest), annotations: { note: 'x'.repeat(1000) } } as object;
    const refused = await registry.call('PUT', '/v2/a/b/manifests/2', {
      body: JSON.stringify(large),
      headers: { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' },
    });
    assert.deepEqual([refused.status, refused.code], [507, 'NO_SPACE']);
    server.registry.catalog.remove('a/b');
    await server.registry.collect();
    await registry.push('a/b', '2', randomBytes(10_000_000));
  } finally {
    execFileSync('umount', [folder]);
    rmdirSync(folder);
  }
});
