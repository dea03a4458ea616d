import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sambaServer } from '../../../tools/setup/test-programs.ts';
import { guestMissing, runInGuest } from '../../support/guest-kernel.ts';

const PROGRAM = fileURLToPath(new URL('../../support/cifs-volumes.ts', import.meta.url));
const samba = guestMissing ? undefined : sambaServer();
const skip = guestMissing || (samba ? false : "needs the SMB server of Debian's package samba");
/** what the client signs, encrypts and logs in with */
const MODULES = [
  'hmac',
  'cmac',
  'sha512_generic',
  'ctr',
  'ccm',
  'ghash-generic',
  'gcm',
  'ecb',
  'des_generic',
  'cifs',
];

// The kernel of a machine for tests may know no SMB: this is one of its own, with server and client.
test('volumes of type cifs: mounted with the first container, shared between hosts, left alone on the server (S164)', {
  skip,
}, async () => {
  const folder = mkdtempSync('/var/tmp/quai-cifs-');
  try {
    const config = join(folder, 'smb.conf');
    const own = '/mnt/own';
    const settings = [
      '[global]',
      'server role = standalone server',
      'interfaces = lo',
      'bind interfaces only = yes',
      'smb ports = 445',
      'disable netbios = yes',
      'load printers = no',
      'rpc start on demand helpers = no',
      `passdb backend = smbpasswd:${own}/smbpasswd`,
      ...['lock directory', 'state directory', 'cache directory', 'pid directory', 'private dir'].map(
        each => `${each} = ${own}`,
      ),
      `ncalrpc dir = ${own}/ncalrpc`,
      '[share]',
      'path = /mnt/share',
      'read only = no',
    ];
    writeFileSync(config, settings.join('\n'));
    mkdirSync(join(folder, 'log'));
    const server = `LD_LIBRARY_PATH=${samba?.libraries}`;
    const script = [
      'mount -t sysfs sysfs /sys; busybox ifconfig lo 127.0.0.1 up',
      `mkdir /mnt/share ${own}; chmod 700 ${own}`,
      `printf 'secret\\nsecret\\n' | ${server} ${samba?.smbpasswd} -c ${config} -a -s root`,
      `${server} ${samba?.smbd} -D -s ${config} -l ${folder}/log`,
      `${process.execPath} --disable-warning=ExperimentalWarning ${PROGRAM} /mnt/share`,
    ];
    const { code, stdout } = await runInGuest(script.join('\n'), { disks: [], modules: MODULES, folder });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /files are shared/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
