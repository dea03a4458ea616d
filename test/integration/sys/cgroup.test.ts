import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cgroupDirectories, detectCgroups } from '#sys/cgroup';
import { cgroupPids, killCgroup, removeCgroup, setFrozen } from '#sys/cgroup-control';
import { readCgroupStats } from '#sys/cgroup-stats';
import { PATIENCE_MS } from '../../support/until.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root';

test('a control group is counted, frozen, killed with all its processes, and removed', { skip }, async () => {
  const support = detectCgroups();
  const path = `/quai-cgroup-test-${process.pid}`;
  const inner = `${path}/inner`;
  try {
    for (const directory of cgroupDirectories(support, inner)) makeGroup(directory);
    const child = spawn('/bin/sh', ['-c', 'read line; sleep 60 & sleep 60 & wait'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    for (const directory of cgroupDirectories(support, inner)) {
      writeFileSync(join(directory, 'cgroup.procs'), `${child.pid}`);
    }
    child.stdin.end('go\n');
    await until(() => cgroupPids(support, path).length === 3);

    const stats = await readCgroupStats(support, inner);
    assert.ok((stats.cpu?.usageNanos ?? 0) > 0);
    assert.ok((stats.memory?.usageBytes ?? 0) > 0);
    assert.equal(stats.memory?.limitBytes, undefined);
    assert.equal(stats.pids?.current, 3);
    assert.equal(stats.pids?.limit, undefined);

    assert.equal(setFrozen(support, inner, true), true);
    assert.equal(setFrozen(support, inner, false), true);
    await assert.rejects(removeCgroup(support, path, { attempts: 1 }), { code: 'EBUSY' });

    const exit = once(child, 'exit');
    await killCgroup(support, path);
    assert.deepEqual(cgroupPids(support, path), []);
    assert.equal((await exit)[1], 'SIGKILL');
  } finally {
    await removeCgroup(support, path);
  }
  assert.deepEqual(cgroupDirectories(support, path).filter(existsSync), []);
  await removeCgroup(support, path);
});

/** A new v1 cpuset takes no process before it has CPUs and memory; with version 2 a group gives its controllers to those in it. */
function makeGroup(directory: string): void {
  for (const group of [join(directory, '..'), directory]) {
    mkdirSync(group, { recursive: true });
    const given = join(group, '../cgroup.subtree_control');
    if (existsSync(given) && existsSync(join(group, 'cgroup.events'))) giveAll(given);
    const clone = join(group, 'cgroup.clone_children');
    if (existsSync(join(group, 'cpuset.cpus')) && existsSync(clone)) {
      writeFileSync(join(group, 'cpuset.cpus'), '0');
      writeFileSync(join(group, 'cpuset.mems'), '0');
    }
  }
}

function giveAll(file: string): void {
  const controllers = readFileSync(join(file, '../cgroup.controllers'), 'utf8').trim();
  if (controllers !== '') writeFileSync(file, controllers.replace(/\w+/g, '+$&'));
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, 'it did not happen');
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
