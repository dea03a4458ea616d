import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { sharedFixture } from './image-archive.ts';
import { runProgram } from './programs.ts';

const DEBOOTSTRAP = '/usr/sbin/debootstrap';
const MIRROR = 'http://deb.debian.org/debian';
const SUITE = 'bookworm';
const MINUTES = 60_000;

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
export async function makeDebianTar(): Promise<string | undefined> {
  const tar = sharedFixture(`debian-${SUITE}.tar`);
  if (existsSync(tar)) return tar;
  mkdirSync(dirname(tar), { recursive: true });
  const folder = `${tar}.${process.pid}`;
  try {
    const made = await runProgram(DEBOOTSTRAP, ['--variant=minbase', SUITE, folder, MIRROR], {
      timeoutMs: 10 * MINUTES,
    });
    if (made.code !== 0) return undefined;
    const args = ['-C', folder, '--exclude=./var/cache/apt/archives/*.deb', '-cf', `${folder}.tar`, '.'];
    const packed = await runProgram('tar', args, { timeoutMs: 2 * MINUTES });
    if (packed.code !== 0) throw new Error(`cannot pack the Debian image: ${packed.stderr}`);
    renameSync(`${folder}.tar`, tar); // whole, or not there
    return tar;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
