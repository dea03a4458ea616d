import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { makeDebianTar } from './debian-image.ts';
import { sharedFixture } from './image-archive.ts';
import { runProgram } from './programs.ts';

const MINUTES = 60_000;
/** invoke-rc.d(8): nothing may be started while packages are installed */
const NO_SERVICES = '#!/bin/sh\nexit 101\n';
const INSTALL =
  'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server && apt-get clean && rm -rf /var/lib/apt/lists/* /var/lib/mysql/* /usr/share/doc /usr/share/mysql/mysql-test';

/**
 * Path of a tar with Debian and its mariadb-server, whose data directory is empty, for `docker import`. Made once per
 * machine, which takes a minute or two and needs Debian's packages.
 *
 * @returns undefined when the packages cannot be reached.
 */
export async function makeMariadbTar(): Promise<string | undefined> {
  const tar = sharedFixture('debian-mariadb.tar');
  if (existsSync(tar)) return tar;
  const debian = await makeDebianTar();
  if (debian === undefined) return undefined;
  const folder = `${tar}.${process.pid}`;
  mkdirSync(folder);
  try {
    await run('tar', ['-C', folder, '--numeric-owner', '-xpf', debian]);
    writeFileSync(`${folder}/usr/sbin/policy-rc.d`, NO_SERVICES, { mode: 0o755 });
    const installed = await runProgram('chroot', [folder, 'sh', '-c', INSTALL], { timeoutMs: 10 * MINUTES });
    if (installed.code !== 0) return undefined;
    await run('tar', ['-C', folder, '--numeric-owner', '-cf', `${folder}.tar`, '.']);
    renameSync(`${folder}.tar`, tar); // whole, or not there
    return tar;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}.tar`, { force: true });
  }
}

async function run(program: string, words: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, words, { timeoutMs: 5 * MINUTES });
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
}
