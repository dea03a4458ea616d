import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { erofsProgram } from '#store/erofs-maker';
import { cannotRunDaemon, startDaemon, type TestDaemon } from '../../support/daemon.ts';
import { ociArchive } from '../../support/image-archive.ts';
import { until } from '../../support/until.ts';

const isMissing = erofsProgram() === undefined || !existsSync('/usr/bin/crun');
const skip = cannotRunDaemon || (isMissing ? 'mkfs.erofs or crun is not installed' : false);
const BYTES = 50_000_000;

/** Long enough to be met while it is packed, mostly. */
function archive(number: number): Buffer {
  const line = `every so often a line like this one of ${number}, `;
  const content = Buffer.from(Array.from({ length: 2000 }, (_, n) => `${line}${n}\n`).join(''));
  const files = Array.from({ length: Math.ceil(BYTES / content.length) }, (_, n) => ({
    path: `file-${n}`,
    content,
  }));
  return ociArchive([{ tags: [`packed:${number}`], layers: [files], compress: 'gzip' }]);
}

function packedLayers({ root }: TestDaemon): string[] {
  const snapshots = join(root, 'snapshots');
  return readdirSync(snapshots).filter(name => existsSync(join(snapshots, name, 'layer.packed')));
}

/** The program in its jail, by its pid on the host, as soon as it is there. */
function packing({ root }: TestDaemon): number | undefined {
  const jails = join(root, 'jails');
  for (const name of existsSync(jails) ? readdirSync(jails) : []) {
    const file = join(jails, name, 'pid');
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
    if (pid > 0) return pid;
  }
  return undefined;
}

function isThere(pid: number): boolean {
  try {
    return !/\nState:\s+Z/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** It would go on by itself. @returns whether it was still there to be stopped */
function hasStopped(pid: number): boolean {
  try {
    process.kill(pid, 'SIGSTOP');
    return isThere(pid);
  } catch {
    return false;
  }
}

test('an engine that is killed while a layer is packed leaves no program behind, and packs it later', {
  skip,
}, async t => {
  await using daemon = await startDaemon();
  const info = (await daemon.call('GET', '/info')).body as { Driver?: string };
  if (info.Driver !== 'erofs') return t.skip('layers are directories here: nothing is packed');
  let pid: number | undefined;
  let tidying: Promise<unknown> | undefined;
  let layers = 0;
  // One that is packed before it was met is followed by another.
  for (; pid === undefined; layers += 1) {
    await tidying;
    assert.equal((await daemon.call('POST', '/images/load', archive(layers))).status, 200);
    tidying = daemon.call('POST', '/quai/images/tidy').catch(() => undefined);
    while (pid === undefined && packedLayers(daemon).length === layers) {
      pid = packing(daemon);
      await new Promise(setImmediate);
    }
    if (pid !== undefined && !hasStopped(pid)) pid = undefined;
  }
  await daemon.kill9();
  await tidying;
  assert.ok(isThere(pid));

  await daemon.start();
  const left = pid;
  await until('what the killed engine started has ended', () => !isThere(left));
  assert.equal((await daemon.call('POST', '/quai/images/tidy')).status, 204);
  assert.equal(packedLayers(daemon).length, layers);
  assert.deepEqual(readdirSync(join(daemon.root, 'jails')), ['state']);
  const check = (await daemon.call('POST', '/quai/images/check')).body as { Findings?: unknown[] };
  assert.deepEqual(check.Findings, []);
});
