import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeBusyboxArchive } from '../../support/busybox-image.ts';
import { guestMissing, runInGuest } from '../../support/guest-kernel.ts';
import { whyNot } from './runtime-fixture.ts';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const LAN_PROGRAM = fileURLToPath(new URL('../../support/lan-networks.ts', import.meta.url));
/** what the engine needs of a kernel whose modules do not come by themselves, and what these networks are made of */
const MODULES = [
  'overlay',
  'bridge',
  'veth',
  'nf_tables',
  'nf_conntrack_netlink',
  '8021q',
  'macvlan',
  'ipvlan',
];
const LIBNFTABLES = '/usr/lib/x86_64-linux-gnu/libnftables.so.1';
const skip = guestMissing || (whyNot() ?? false);

// One boot for all that is seen in it.
let said = '';
before(async () => {
  if (skip !== false) return;
  const folder = mkdtempSync('/var/tmp/quai-cgroup-v2-');
  try {
    const archive = join(folder, 'busybox.tar');
    copyFileSync(await makeBusyboxArchive(), archive);
    const node = `${process.execPath} --disable-warning=ExperimentalWarning`;
    const tests = `${node} --test --test-concurrency=1 --test-reporter=tap`;
    const script = [
      'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'mount -t sysfs sysfs /sys; mount -t cgroup2 none /sys/fs/cgroup',
      `cd ${REPOSITORY}`,
      `${tests} test/integration/sys/cgroup.test.ts test/integration/runtime/limits.test.ts && echo 'limits hold'`,
      `${tests} --test-name-pattern='pause|memory|outlive' test/integration/runtime/container-life.test.ts && echo 'life goes on'`,
      // That kernel has no nftables for both families at once: networks of bridges would be refused, those of the LAN have no rules.
      'mount --bind /bin/true $(command -v nft)',
      `: > /tmp/none; mount --bind /tmp/none $(readlink -f ${LIBNFTABLES})`,
      'mount -t tmpfs tmpfs /run',
      `${node} ${LAN_PROGRAM} ${archive}`,
    ];
    said = (await runInGuest(script.join('\n'), { disks: [], modules: MODULES, folder })).stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('limits, counters, pauses and kills under a kernel that has version 2 of control groups only', {
  skip,
}, () => {
  assert.match(said, /^limits hold$/m, said);
  assert.match(said, /^life goes on$/m, said);
  assert.match(said, /\nok \d+ - crun: limits are what they are to be[^#]*$/m, said);
  assert.match(said, /\nok \d+ - pause\(\) stops all processes[^#]*$/m, said);
});

test('containers on a VLAN (macvlan) and on ipvlan l2 and l3 reach one another and machines of these networks (S195)', {
  skip,
}, () => {
  assert.match(said, /^containers are on these networks$/m, said);
});
