import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ProgramResult } from './programs.ts';

const KERNEL = '/usr/bin/linux.uml';
const BUSYBOX = ['/usr/bin/busybox', '/bin/busybox'].find(path => existsSync(path)) ?? '';
const CHECKOUT = join(import.meta.dirname, '../..');
const LONGEST_MS = 120_000;
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
  /** modules of the kernel; what these need comes before them */
  readonly modules?: readonly string[];
  /** more words for its command line */
  readonly parameters?: readonly string[];
  /** a folder for what is needed meanwhile, not below /tmp as the guest sees it */
  readonly folder: string;
}

/**
 * For tests: runs a shell script under another Linux, which is a program here (User Mode Linux): for what the kernel of this machine does
 * not have. It sees the files of this machine, with `/tmp` and `/mnt` of its own; `tmp_is DIR` makes another directory `/tmp`.
 *
 * @returns what it wrote, and its status.
 */
export async function runInGuest(
  script: string,
  { disks, modules = [], parameters = [], folder }: GuestOptions,
): Promise<Pick<ProgramResult, 'code' | 'stdout'>> {
  const init = join(folder, 'init');
  const kept = join(folder, 'checkout');
  const text = [
    '#!/bin/sh',
    'mount -t proc proc /proc',
    ...modulePaths(modules).map(path => `${BUSYBOX} insmod ${path}`),
    `mkdir -p ${kept} && mount --bind ${CHECKOUT} ${kept}`,
    'mount -t tmpfs tmpfs /mnt',
    'mount -t tmpfs tmpfs /tmp',
    `show_checkout() { mkdir -p ${CHECKOUT} && mount --bind ${kept} ${CHECKOUT}; }`, // it may be below one of them
    'tmp_is() { mount --bind "$1" /tmp && show_checkout; }',
    'show_checkout',
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
    ...parameters,
    `init=${init}`,
    `uml_dir=${folder}`,
    'con=null',
    'con0=null,fd:1',
    ...disks.map((file, index) => `ubd${String.fromCharCode(97 + index)}=${file}`),
  ];
  const stdout = await runKernel(words, folder);
  const [, code] = new RegExp(`${DONE} (\\d+)`).exec(stdout) ?? [];
  return { code: code === undefined ? -1 : Number(code), stdout };
}

/** It is several processes here, which all end when it takes too long. */
async function runKernel(words: readonly string[], folder: string): Promise<string> {
  const child = spawn(KERNEL, words, {
    detached: true, // a group of their own
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder },
  });
  const { pid } = child;
  assert.ok(pid !== undefined, `${KERNEL} does not start`);
  const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), LONGEST_MS);
  try {
    return await text(child.stdout);
  } finally {
    clearTimeout(timer);
  }
}

/** In an order in which they can be loaded: `modules.dep` has what a module needs, the first of these last. */
function modulePaths(names: readonly string[]): string[] {
  const list = globSync('/usr/lib/uml/modules/*/modules.dep')[0];
  if (list === undefined) throw new Error('the kernel has no list of its modules');
  const lines = readFileSync(list, 'utf8').split('\n');
  const paths = names.flatMap(name => {
    const line = lines.find(one => one.split(':')[0]?.endsWith(`/${name}.ko`));
    if (line === undefined) throw new Error(`the kernel has no module ${name}`);
    return line.split(/:? /).filter(Boolean).toReversed();
  });
  return [...new Set(paths)].map(path => join(dirname(list), path.replace(/:$/, '')));
}
