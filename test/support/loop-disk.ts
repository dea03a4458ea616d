import { existsSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { runProgram } from './programs.ts';

const MKFS = {
  btrfs: '/usr/bin/mkfs.btrfs',
  ext4: '/usr/sbin/mkfs.ext4',
  xfs: '/usr/sbin/mkfs.xfs',
} as const;
/** btrfs takes no less than some 110 MB, xfs than 300; what is not written is a hole. */
const DISK_MB = { btrfs: 192, ext4: 192, xfs: 320 } as const;

export type DiskType = keyof typeof MKFS;

/** Why tests with disks of this type cannot run here. */
export function diskMissing(type: DiskType): string | false {
  const program = type === 'btrfs' && !existsSync(MKFS.btrfs) ? '/usr/sbin/mkfs.btrfs' : MKFS[type];
  return [program, '/usr/sbin/losetup'].every(path => existsSync(path))
    ? false
    : `needs ${program} and losetup`;
}

/** For tests: a disk, `/dev/loopN`, that is a file in truth. Give it back with `await using`. */
export class LoopDisk implements AsyncDisposable {
  readonly device: string;
  readonly #file: string;

  private constructor(device: string, file: string) {
    this.device = device;
    this.#file = file;
  }

  static async make(file: string, type: DiskType): Promise<LoopDisk> {
    writeFileSync(file, '', { flag: 'wx' });
    truncateSync(file, DISK_MB[type] * 1024 * 1024);
    const program = existsSync(MKFS[type]) ? MKFS[type] : '/usr/sbin/mkfs.btrfs';
    await run(program, ['-q', file]);
    return new LoopDisk((await run('/usr/sbin/losetup', ['--find', '--show', file])).trim(), file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('/usr/sbin/losetup', ['--detach', this.device]);
    rmSync(this.#file);
  }
}

async function run(program: string, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, words);
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
  return stdout;
}
