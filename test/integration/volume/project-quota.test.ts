import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guestMissing, runInGuest } from '../../support/guest-kernel.ts';
import { runProgram } from '../../support/programs.ts';

const MKFS = { ext4: '/usr/sbin/mkfs.ext4', xfs: '/usr/sbin/mkfs.xfs' } as const;
const FEATURES = { ext4: ['-q', '-O', 'quota,project'], xfs: ['-q'] } as const;
const PROGRAM = fileURLToPath(new URL('../../support/limited-volumes.ts', import.meta.url));
const QUOTA_MODULES = ['quota_tree', 'quota_v2'];
const DISK_BYTES = 320 * 1024 * 1024;

// The kernel of a machine for tests may have no quotas: theirs is one of their own.
describe('volumes of a size, by project quotas', { skip: guestMissing }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync('/var/tmp/quai-project-quota-');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function runOn(type: keyof typeof MKFS, options: string, command: string) {
    const disk = join(folder, `${type}-${options}`);
    writeFileSync(disk, '');
    truncateSync(disk, DISK_BYTES);
    const made = await runProgram(MKFS[type], [...FEATURES[type], disk]);
    assert.equal(made.code, 0, made.stderr);
    const own = join(folder, 'own');
    mkdirSync(own, { recursive: true });
    const script = `mkdir /mnt/disk; mount -t ${type} -o ${options} /dev/ubda /mnt/disk; tmp_is /mnt/disk; ${command}`;
    return await runInGuest(script, { disks: [disk], modules: QUOTA_MODULES, folder: own });
  }
  const node = `${process.execPath} --disable-warning=ExperimentalWarning ${PROGRAM}`;

  for (const [type, options] of [
    ['xfs', 'pquota'],
    ['ext4', 'prjquota'],
  ] as const) {
    test(`${type} with ${options}: a volume takes as much as it may, renamed, restored and full`, {
      skip: existsSync(MKFS[type]) ? false : `needs ${MKFS[type]}`,
    }, async t => {
      const { code, stdout } = await runOn(type, options, node);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /limits hold/);
      t.diagnostic(/^Linux \d\S+/m.exec(stdout)?.[0] ?? stdout);
    });
  }

  for (const [type, options] of [
    ['xfs', 'pqnoenforce'],
    ['ext4', 'noquota'],
  ] as const) {
    test(`${type} with ${options}: a size is refused`, {
      skip: existsSync(MKFS[type]) ? false : `needs ${MKFS[type]}`,
    }, async () => {
      const { code, stdout } = await runOn(type, options, node);
      assert.notEqual(code, 0);
      assert.match(
        stdout,
        /create small: quota size requested but no quota support: volumes are on (xfs|extfs) here/,
      );
    });
  }
});
