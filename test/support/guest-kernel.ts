import { existsSync, globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProgramResult, runProgram } from './programs.ts';

const KERNEL = '/usr/bin/linux.uml';
const BUSYBOX = ['/usr/bin/busybox', '/bin/busybox'].find(path => existsSync(path)) ?? '';
const DONE = 'the guest is done:';

/** Why tests cannot be run under a kernel of their own here. */
export const guestMissing: string | false =
  process.getuid?.() !== 0
    ? 'needs root'
    : process.arch !== 'x64'
      ? 'User Mode Linux is for x64'
      : existsSync(KERNEL) && BUSYBOX !== ''
        ? false
        : `needs ${KERNEL}, Debian's package user-mode-linux`;

export interface GuestOptions {
  /** files that are its disks: `/dev/ubda`, … */
  readonly disks: readonly string[];
  /** modules of the kernel, in order */
  readonly modules?: readonly string[];
  /** a folder for what is needed meanwhile, not below /tmp as the guest sees it */
  readonly folder: string;
}

/**
 * For tests: runs a shell script under another Linux, which is a program here (User Mode Linux): for what the kernel of this machine does
 * not have. It sees the files of this machine, with `/tmp` and `/mnt` of its own.
 *
 * @returns what it wrote, and its status.
 */
export async function runInGuest(
  script: string,
  { disks, modules = [], folder }: GuestOptions,
): Promise<Pick<ProgramResult, 'code' | 'stdout'>> {
  const paths = modules.map(name => globSync(`/usr/lib/uml/modules/*/kernel/**/${name}.ko`)[0] ?? name);
  const init = join(folder, 'init');
  const text = [
    '#!/bin/sh',
    'mount -t proc proc /proc',
    ...paths.map(path => `${BUSYBOX} insmod ${path}`),
    'mount -t tmpfs tmpfs /mnt',
    'mount -t tmpfs tmpfs /tmp',
    'uname -sr',
    `( set -e\n${script}\n) 2>&1`,
    `echo "${DONE} $?"`,
    `${BUSYBOX} poweroff -f`,
  ];
  writeFileSync(init, text.join('\n'), { mode: 0o755 });
  const words = [
    'mem=700M',
    'root=/dev/root',
    'rootfstype=hostfs',
    'rootflags=/',
    'rw',
    'quiet',
    `init=${init}`,
    `uml_dir=${folder}`,
    'con=null',
    'con0=null,fd:1',
    ...disks.map((file, index) => `ubd${String.fromCharCode(97 + index)}=${file}`),
  ];
  const { stdout } = await runProgram(KERNEL, words, { timeoutMs: 100_000, env: { TMPDIR: folder } });
  const [, code] = new RegExp(`${DONE} (\\d+)`).exec(stdout) ?? [];
  return { code: code === undefined ? -1 : Number(code), stdout };
}
