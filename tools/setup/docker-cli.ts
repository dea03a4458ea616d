import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { findProgram, hasProgram } from './debian-packages.ts';
import { apt } from './install-packages.ts';
import { say } from './messages.ts';

const CACHE = `${import.meta.dirname}/../../.cache/docker-cli`;

/**
 * A Docker command line to test against: the one on the PATH, or the one out of Debian's package, unpacked into
 * `.cache/` because installing `docker.io` would start Docker's daemon. `undefined` when there is none to be had.
 */
export function dockerCli(): string | undefined {
  const cached = `${CACHE}/usr/bin/docker`;
  const found = findProgram('docker') ?? (existsSync(cached) ? cached : undefined);
  if (found || process.getuid?.() !== 0 || !hasProgram('apt-get')) return found;
  say("docker: unpacking Debian's command line into .cache/ for the compat tests");
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  apt(['update']);
  for (const name of ['docker-cli', 'docker.io']) if (unpack(name)) break;
  return existsSync(cached) ? cached : undefined;
}

/** @returns whether the package held a `docker` */
function unpack(name: string): boolean {
  const download = spawnSync('apt-get', ['-qq', 'download', name], { cwd: CACHE, stdio: 'ignore' });
  const file = readdirSync(CACHE).find(each => each.startsWith(`${name}_`));
  if (download.status !== 0 || !file) return false;
  spawnSync('dpkg-deb', ['-x', file, '.'], { cwd: CACHE, stdio: 'ignore' });
  rmSync(`${CACHE}/${file}`);
  return existsSync(`${CACHE}/usr/bin/docker`);
}
