import { existsSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sharedFixture } from './image-archive.ts';
import { madeOnce } from './made-once.ts';
import { runProgram } from './programs.ts';

const DEBOOTSTRAP = '/usr/sbin/debootstrap';
const MIRROR = 'http://deb.debian.org/debian';
const SUITE = 'bookworm';
const MINUTES = 60_000;

/** What systemd and our own engine need: the machine in which the unit is tested. */
const MACHINE_PACKAGES = [
  'systemd,systemd-sysv,dbus,procps,iproute2,kmod,ca-certificates,libatomic1,busybox-static,erofs-utils',
  'crun,runc,conmon,nftables,libnftables1,libseccomp2,tini',
];

/** Units that would change the kernel's settings or take its terminals: both are the host's, also in a container. */
const MASKED_UNITS =
  'systemd-sysctl.service systemd-modules-load.service getty.target console-getty.service e2scrub_reap.service dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount';

/** Why tests that need a Debian image cannot run here. */
export const cannotMakeDebian: string | false = existsSync(DEBOOTSTRAP)
  ? false
  : 'needs debootstrap (apt-get install debootstrap)';

/**
 * Path of a tar with the root file system of a minimal Debian, for `docker import`. Made once per machine, which takes
 * a minute and needs Debian's packages.
 *
 * @returns undefined when the packages cannot be reached.
 */
export function makeDebianTar(): Promise<string | undefined> {
  return makeTar(`debian-${SUITE}.tar`, []);
}

/** The same with systemd, and with everything that the engine needs of a machine except itself and its Node. */
export function makeDebianMachineTar(): Promise<string | undefined> {
  return makeTar(`debian-machine-${SUITE}.tar`, MACHINE_PACKAGES, folder => {
    for (const unit of MASKED_UNITS.split(' '))
      symlinkSync('/dev/null', join(folder, 'etc/systemd/system', unit));
  });
}

function makeTar(
  name: string,
  packages: readonly string[],
  prepare: (folder: string) => void = () => undefined,
): Promise<string | undefined> {
  const tar = sharedFixture(name);
  return madeOnce(tar, () => bootstrap(tar, packages, prepare));
}

async function bootstrap(
  tar: string,
  packages: readonly string[],
  prepare: (folder: string) => void,
): Promise<void> {
  const folder = `${tar}.${process.pid}`;
  const include = packages.length > 0 ? [`--include=${packages.join(',')}`] : [];
  try {
    const made = await runProgram(DEBOOTSTRAP, ['--variant=minbase', ...include, SUITE, folder, MIRROR], {
      timeoutMs: 10 * MINUTES,
    });
    if (made.code !== 0) return;
    prepare(folder);
    const args = ['-C', folder, '--exclude=./var/cache/apt/archives/*.deb', '-cf', `${folder}.tar`, '.'];
    const packed = await runProgram('tar', args, { timeoutMs: 2 * MINUTES });
    if (packed.code !== 0) throw new Error(`cannot pack the Debian image: ${packed.stderr}`);
    renameSync(`${folder}.tar`, tar); // whole, or not there
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
