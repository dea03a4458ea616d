import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { makeDebianTar } from './debian-image.ts';
import { sharedFixture } from './image-archive.ts';
import { madeOnce } from './made-once.ts';
import { runProgram } from './programs.ts';

const MINUTES = 60_000;
/** invoke-rc.d(8): nothing may be started while packages are installed */
const NO_SERVICES = '#!/bin/sh\nexit 101\n';

/** What the image of the same name does when it starts: tables on an empty directory, then the server. */
export const MARIADB_SERVER = `mkdir -p /run/mysqld && chown mysql: /run/mysqld /var/lib/mysql || exit 1
[ -d /var/lib/mysql/mysql ] || mariadb-install-db --user=mysql --skip-test-db > /dev/null || exit 1
exec mariadbd --user=mysql --bind-address=0.0.0.0`;

/** Debian and its mariadb-server, whose data directory is empty. See {@link makeTarWith}. */
export function makeMariadbTar(): Promise<string | undefined> {
  return makeTarWith('mariadb', ['mariadb-server'], ['/var/lib/mysql/*', '/usr/share/mysql/mysql-test']);
}

/** Debian and its WordPress, with PHP's own web server. See {@link makeTarWith}. */
export function makeWordpressTar(): Promise<string | undefined> {
  return makeTarWith('wordpress', ['wordpress', 'php-cli', 'php-mysql'], ['/var/lib/mysql/*']);
}

/**
 * Path of a tar with Debian and some of its packages, for `docker import`. Made once per machine, which takes a minute
 * or two and needs Debian's packages.
 *
 * @param unwanted patterns of paths that go afterwards
 * @returns undefined when the packages cannot be reached.
 */
function makeTarWith(
  name: string,
  packages: readonly string[],
  unwanted: readonly string[],
): Promise<string | undefined> {
  const tar = sharedFixture(`debian-${name}.tar`);
  return madeOnce(tar, () => install(tar, packages, unwanted));
}

async function install(tar: string, packages: readonly string[], unwanted: readonly string[]): Promise<void> {
  const debian = await makeDebianTar();
  if (debian === undefined) return;
  const folder = `${tar}.${process.pid}`;
  mkdirSync(folder);
  try {
    await run('tar', ['-C', folder, '--numeric-owner', '-xpf', debian]);
    writeFileSync(`${folder}/usr/sbin/policy-rc.d`, NO_SERVICES, { mode: 0o755 });
    const script = `apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ${packages.join(' ')} && apt-get clean && rm -rf /var/lib/apt/lists/* /usr/share/doc ${unwanted.join(' ')}`;
    const installed = await runProgram('chroot', [folder, 'sh', '-c', script], { timeoutMs: 10 * MINUTES });
    if (installed.code !== 0) return;
    await run('tar', ['-C', folder, '--numeric-owner', '-cf', `${folder}.tar`, '.']);
    renameSync(`${folder}.tar`, tar); // whole, or not there
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(`${folder}.tar`, { force: true });
  }
}

async function run(program: string, words: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(program, words, { timeoutMs: 5 * MINUTES });
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
}
