import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CgroupMoveWait } from './cgroup-move-wait.ts';

interface Host {
  readonly version: 1 | 2;
  /** /proc/self/cgroup */
  readonly own: string;
  /** the group's directory below its hierarchy, and that hierarchy's controller */
  readonly group: string;
  readonly controller: string;
}

/** Begins a wait on a host made of plain files. @returns what was written to the group's `cgroup.procs`. */
async function written({ version, own, group, controller }: Host): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'quai-move-wait-'));
  try {
    mkdirSync(join(root, 'self'));
    writeFileSync(join(root, 'self/cgroup'), own);
    mkdirSync(join(root, 'fs', group), { recursive: true });
    const file = join(root, 'fs', group, 'cgroup.procs');
    writeFileSync(file, '');
    const hierarchies = new Map([[controller, join(root, 'fs')]]);
    const wait = new CgroupMoveWait({ version, hierarchies }, { proc: root, pid: 4242 });
    await wait.begin();
    return readFileSync(file, 'utf8');
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('begin() moves the process to where it is, in whichever hierarchy', async () => {
  const v1 = '5:freezer:/other\n4:cpu,cpuacct:/system.slice/quai.service\n0::/unified\n';
  const group = 'system.slice/quai.service';
  assert.equal(await written({ version: 1, own: v1, group, controller: 'cpuacct' }), '4242');
  assert.equal(await written({ version: 2, own: `0::/${group}\n`, group, controller: 'memory' }), '4242');
});

test('begin() moves nothing while an engine has moves favored', async () => {
  const own = '7:name=quai:/\n4:cpu,cpuacct:/here\n';
  assert.equal(await written({ version: 1, own, group: 'here', controller: 'cpuacct' }), '');
});

test('begin() makes no file and does not fail where the group is not to be found', async () => {
  const root = mkdtempSync(join(tmpdir(), 'quai-move-wait-'));
  mkdirSync(join(root, 'self'));
  writeFileSync(join(root, 'self/cgroup'), '0::/gone\n');
  const cgroups = { version: 2, hierarchies: new Map([['pids', root]]) } as const;
  await new CgroupMoveWait(cgroups, { proc: root, pid: 1 }).begin();
  assert.equal(existsSync(join(root, 'gone')), false);
  rmSync(root, { recursive: true });
});
