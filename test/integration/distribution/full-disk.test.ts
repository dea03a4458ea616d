import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { digestOf } from '#base/ids';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { cannotRunRegistry, TestRegistry } from '../../support/registry.ts';
import { ClientFixture } from './client-fixture.ts';

const skip = process.getuid?.() === 0 ? cannotRunRegistry : 'needs root: it mounts a small file system';

/** A file system of its own; its size can be changed. */
class SmallDisk implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'quai-small-disk-'));

  constructor(size: string) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', this.path]);
  }

  resize(size: string): void {
    execFileSync('mount', ['-o', `remount,size=${size}`, this.path]);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    rmSync(this.path, { recursive: true });
  }
}

test('a download that fills the disk says so at once, and goes on when there is room', { skip }, async () => {
  await using registry = await TestRegistry.start();
  await using proxy = await FaultProxy.before(registry.port);
  const bytes = randomBytes(8_000_000);
  const blob = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.length };
  using pusher = new ClientFixture();
  await pusher.client
    .repository(pusher.reference(registry.host, 'app'))
    .upload(blob, offset => Readable.from([bytes.subarray(offset)]));

  using disk = new SmallDisk('4m');
  using fixture = new ClientFixture({ parent: disk.path });
  const repository = fixture.client.repository(fixture.reference(proxy.host, 'app'));
  await assert.rejects(repository.download(blob, { advance() {} }), {
    kind: 'unavailable',
    message: /could not be written: no space left on device; what came of it is kept/,
  });
  assert.equal(proxy.count('/blobs/sha256:'), 1, 'asking again would not make room');
  assert.ok(!fixture.content.has(blob.digest));

  disk.resize('16m');
  await repository.download(blob, { advance() {} });
  assert.ok(fixture.content.has(blob.digest));
  const range = proxy.seen.at(-1)?.headers.range ?? '';
  assert.ok(Number(/^bytes=(\d+)-/.exec(range)?.[1]) > 2_000_000, `asked for ${range}`);
});
