import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { ContainerId } from '#base/ids';
import { silentLogger } from '#base/logger';
import { labelSource } from '#container/mount-label';
import { readHostFacts } from '#runtime/oci-spec/host-facts';
import { HostConfig } from '#spec/docker/host-config';
import { JailPool } from '#store/jail-pool';
import { relabelTree } from '#sys/selinux';
import { getXattr } from '#sys/xattr';

/** Labels under a kernel whose SELinux is on, on the file system of `/tmp`. A program, so that another kernel can run it. */
async function main(): Promise<void> {
  const folder = mkdtempSync('/tmp/labels-');
  const labelOf = (path: string): string =>
    getXattr(join(folder, path), 'security.selinux')?.toString().replace('\0', '') ?? '';
  mkdirSync(join(folder, 'data/deep'), { recursive: true });
  mkdirSync(join(folder, 'canary'));
  for (const path of ['data/deep/file', 'canary/file']) writeFileSync(join(folder, path), '');
  symlinkSync('../canary', join(folder, 'data/out'));
  const before = labelOf('canary/file');
  assert.equal(before, 'system_u:object_r:base_t:s0', 'the kernel labels files itself');

  // What the kernel tells in another order than it was given, it has understood.
  assert.equal(relabelTree(join(folder, 'data'), 'system_u:object_r:container_file_t:s0:c5,c2'), 'done');
  assert.equal(labelOf('data/deep/file'), 'system_u:object_r:container_file_t:s0:c2,c5');

  const host = readHostFacts();
  assert.equal(host.selinuxFileContext, 'system_u:object_r:container_file_t:s0');
  await using jail = new JailPool({ size: 1 });
  const container = { id: 'c1' as ContainerId, hostConfig: v.parse(HostConfig, {}) };
  const label = async (path: string, mode: string): Promise<void> =>
    await labelSource(container, { source: path, mode }, { host, jail, logger: silentLogger }, {});
  await label(join(folder, 'data'), 'z');
  for (const path of ['data', 'data/deep', 'data/deep/file', 'data/out'])
    assert.equal(labelOf(path), 'system_u:object_r:container_file_t:s0', path);
  await label(join(folder, 'data'), 'ro,Z');
  assert.match(labelOf('data/deep/file'), /^system_u:object_r:container_file_t:s0:c\d+,c\d+$/);
  assert.equal(labelOf('canary/file'), before);
  await label('/proc', '');
  await assert.rejects(label('/etc', 'Z'), { message: 'SELinux relabeling of /etc is not allowed' });
}

await main();
process.stdout.write('labels are right\n');
