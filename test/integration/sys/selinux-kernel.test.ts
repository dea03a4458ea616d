import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guestMissing, runInGuest } from '../../support/guest-kernel.ts';
import { runProgram } from '../../support/programs.ts';
import { containerPolicy } from '../../support/selinux-policy.ts';

const PROGRAM = fileURLToPath(new URL('../../support/selinux-labels.ts', import.meta.url));
const COMPILER = '/usr/bin/checkpolicy';
const MKFS = '/usr/sbin/mkfs.ext4';
const missing = [COMPILER, MKFS].find(path => !existsSync(path));
const skip = guestMissing || (missing === undefined ? false : `needs ${missing}`);

test(':z and :Z under a kernel whose SELinux is on, with a policy that knows categories', {
  skip,
}, async () => {
  const folder = mkdtempSync('/var/tmp/quai-selinux-');
  try {
    const disk = join(folder, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, 64 * 1024 * 1024);
    const policy = join(folder, 'policy');
    writeFileSync(`${policy}.conf`, containerPolicy());
    for (const [program, ...words] of [
      [MKFS, '-q', disk],
      [COMPILER, '-M', '-U', 'allow', '-o', policy, `${policy}.conf`],
    ] as const) {
      const made = await runProgram(program, words);
      assert.equal(made.code, 0, made.stderr);
    }
    const script = [
      'mount -t sysfs sysfs /sys; mount -t selinuxfs selinuxfs /sys/fs/selinux',
      `cat ${policy} > /sys/fs/selinux/load`,
      'mkdir /mnt/disk; mount -t ext4 /dev/ubda /mnt/disk; tmp_is /mnt/disk',
      `${process.execPath} --disable-warning=ExperimentalWarning ${PROGRAM}`,
    ];
    const parameters = ['security=selinux', 'selinux=1'];
    const { code, stdout } = await runInGuest(script.join('\n'), { disks: [disk], parameters, folder });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /labels are right/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
