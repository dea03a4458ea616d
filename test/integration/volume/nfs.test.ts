import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { guestMissing, runInGuest } from '../../support/guest-kernel.ts';
import { runProgram } from '../../support/programs.ts';

const PROGRAM = fileURLToPath(new URL('../../support/nfs-volumes.ts', import.meta.url));
const SERVER = ['/usr/sbin/exportfs', '/usr/sbin/rpc.nfsd', '/usr/sbin/rpc.mountd', '/usr/sbin/mkfs.ext4'];
const missing = SERVER.find(path => !existsSync(path));
const skip =
  guestMissing || (missing === undefined ? false : `needs ${missing}: Debian's package nfs-kernel-server`);

// The kernel of a machine for tests may know no NFS: this is one of its own, with server and client.
test('volumes of type nfs: mounted with the first container, shared between hosts, left alone on the server (S164)', {
  skip,
}, async () => {
  const folder = mkdtempSync('/var/tmp/quai-nfs-');
  try {
    const disk = join(folder, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, 64 * 1024 * 1024);
    const made = await runProgram('/usr/sbin/mkfs.ext4', ['-q', disk]);
    assert.equal(made.code, 0, made.stderr);
    const script = [
      'mount -t sysfs sysfs /sys; busybox ifconfig lo 127.0.0.1 up',
      'mkdir /mnt/disk; mount -t ext4 /dev/ubda /mnt/disk',
      'mount -t tmpfs tmpfs /var/lib/nfs; mkdir /var/lib/nfs/v4recovery; touch /var/lib/nfs/etab /var/lib/nfs/rmtab',
      'mount -t tmpfs tmpfs /run; mount -t nfsd nfsd /proc/fs/nfsd',
      'exportfs -o rw,no_root_squash,insecure,no_subtree_check,fsid=0 127.0.0.1:/mnt/disk',
      'mkdir /run/rpcbind; rpcbind; rpc.mountd -N 3; rpc.nfsd -N 3 --host 127.0.0.1 2',
      'echo Y > /proc/fs/nfsd/v4_end_grace', // nobody has locks from before
      `${process.execPath} --disable-warning=ExperimentalWarning ${PROGRAM} /mnt/disk`,
    ];
    const modules = ['nfsd', 'nfsv4'];
    const { code, stdout } = await runInGuest(script.join('\n'), { disks: [disk], modules, folder });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /files are shared/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
