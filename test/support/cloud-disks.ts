import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { VolumeStorage } from './mounting-driver.ts';
import { runProgram } from './programs.ts';

const DEFAULT_MEGABYTES = 32;
/** what such clouds ask beside the size; of no consequence here */
const KNOWN_OPTIONS: readonly string[] = ['volumetype', 'iops', 'availabilityzone'];

/** Why tests with such disks cannot run here. */
export const cloudDisksMissing: string | false = [
  '/usr/sbin/mkfs.ext4',
  '/usr/sbin/losetup',
  '/usr/bin/mount',
].every(path => existsSync(path))
  ? false
  : 'needs mkfs.ext4, losetup and mount';

/**
 * For tests: disks as a cloud has them (EBS and its like). Each is a block device with a file system of its own, attached to one host at a
 * time; several hosts know the same ones.
 */
export class CloudDisks {
  readonly #folder: string;
  /** disk → host */
  readonly #attached = new Map<string, { readonly host: string; readonly device: string }>();

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** What the driver on a host does with them. */
  on(host: string): VolumeStorage {
    const mountpointOf = (name: string): string => join(this.#folder, `${host}-${name}`);
    return {
      names: () =>
        readdirSync(this.#folder)
          .filter(file => file.endsWith('.disk'))
          .map(file => file.slice(0, -'.disk'.length)),
      create: async (name, { size = String(DEFAULT_MEGABYTES), snapshot, ...others }) => {
        const [unknown] = Object.keys(others).filter(each => !KNOWN_OPTIONS.includes(each));
        if (unknown !== undefined) throw new Error(`no option ${unknown} for disks`);
        if (!/^[1-9]\d*$/.test(size)) throw new Error(`size ${size} is no number of megabytes`);
        if (snapshot !== undefined) {
          if (this.#attached.has(snapshot)) throw new Error(`disk ${snapshot} is attached`);
          return copyFileSync(this.path(snapshot), this.path(name), constants.COPYFILE_EXCL);
        }
        writeFileSync(this.path(name), '', { flag: 'wx' });
        truncateSync(this.path(name), Number(size) * 1024 * 1024);
        await run('/usr/sbin/mkfs.ext4', '-q', this.path(name));
      },
      remove: async name => {
        const owner = this.#attached.get(name);
        if (owner) throw new Error(`disk ${name} is attached to ${owner.host}`);
        rmSync(this.path(name));
      },
      attach: async name => {
        const owner = this.#attached.get(name);
        if (owner) throw new Error(`disk ${name} is attached to ${owner.host}`);
        const device = (await run('/usr/sbin/losetup', '--find', '--show', this.path(name))).trim();
        mkdirSync(mountpointOf(name), { recursive: true });
        try {
          await run('/usr/bin/mount', device, mountpointOf(name));
        } catch (error) {
          await run('/usr/sbin/losetup', '--detach', device); // attached to nobody, as before
          throw error;
        }
        this.#attached.set(name, { host, device });
        return mountpointOf(name);
      },
      detach: async name => {
        await run('/usr/bin/umount', mountpointOf(name));
        await run('/usr/sbin/losetup', '--detach', this.#attached.get(name)?.device ?? '');
        this.#attached.delete(name);
      },
    };
  }

  /** Where a disk's content is. */
  path(name: string): string {
    return join(this.#folder, `${name}.disk`);
  }
}

async function run(program: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, words);
  if (code !== 0) throw new Error(`${program} ${words.join(' ')}: ${stderr}`);
  return stdout;
}
