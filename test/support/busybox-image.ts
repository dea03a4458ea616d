import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { dockerArchive, type LayerEntry, sha256, sharedFixture, writeShared } from './image-archive.ts';

const BUSYBOX = '/bin/busybox';
/** A new number makes every machine build its archive again. */
const RECIPE = 1;

export interface BusyboxOptions {
  /** default `['busybox:latest']` */
  readonly tags?: readonly string[];
  /** merged over `{ Cmd: ['sh'], Env: [PATH] }` */
  readonly config?: Readonly<Record<string, unknown>>;
  /** entries of a second layer */
  readonly extra?: readonly LayerEntry[];
}

/**
 * Path of a Docker archive with an image like Docker Hub's busybox, made from this machine's static busybox:
 * applets as hard links in /bin, root's and nobody's accounts, `Cmd ["sh"]`. Made once per machine and recipe.
 * Do not write to the file or remove it.
 */
export async function makeBusyboxArchive(options: BusyboxOptions = {}): Promise<string> {
  const binary = await readFile(BUSYBOX);
  const key = sha256(JSON.stringify([RECIPE, sha256(binary), options])).slice(7, 23);
  const path = sharedFixture(`busybox-${key}.tar`);
  if (existsSync(path)) return path;
  const layers = [await rootEntries(binary), ...(options.extra ? [options.extra] : [])];
  const config = {
    Cmd: ['sh'],
    Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ...options.config,
  };
  await writeShared(path, dockerArchive([{ tags: options.tags ?? ['busybox:latest'], layers, config }]));
  return path;
}

/** Whether this machine can make the archive; tests skip with this reason otherwise. */
export function busyboxMissing(): string | false {
  return existsSync(BUSYBOX) ? false : 'needs /bin/busybox (apt-get install busybox-static)';
}

/** The files of such an image, for images that are made in other ways. */
export async function busyboxEntries(): Promise<LayerEntry[]> {
  return await rootEntries(await readFile(BUSYBOX));
}

async function rootEntries(binary: Buffer): Promise<LayerEntry[]> {
  const applets = await appletNames();
  return [
    ...DIRECTORIES.map(([path, mode]): LayerEntry => ({ path, type: 'directory', mode })),
    { path: 'bin/busybox', mode: 0o755, content: binary },
    ...applets.map(
      (name): LayerEntry => ({
        path: `bin/${name}`,
        type: 'hardlink',
        mode: 0o755,
        linkPath: 'bin/busybox',
      }),
    ),
    { path: 'usr/bin/env', type: 'symlink', mode: 0o777, linkPath: '../../bin/env' },
    { path: 'etc/passwd', content: PASSWD },
    { path: 'etc/group', content: GROUP },
    { path: 'etc/shadow', mode: 0o600, content: 'root:*::0:::::\nnobody:*::0:::::\n' },
    { path: 'etc/nsswitch.conf', content: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  ];
}

async function appletNames(): Promise<string[]> {
  const { stdout } = await promisify(execFile)(BUSYBOX, ['--list']);
  return stdout.split('\n').filter(name => name !== '' && name !== 'busybox');
}

const DIRECTORIES = [
  ['bin/', 0o755],
  ['dev/', 0o755],
  ['etc/', 0o755],
  ['home/', 0o755],
  ['proc/', 0o755],
  ['root/', 0o700],
  ['sys/', 0o755],
  ['tmp/', 0o1777],
  ['usr/', 0o755],
  ['usr/bin/', 0o755],
  ['usr/sbin/', 0o755],
  ['var/', 0o755],
  ['var/spool/', 0o755],
  ['var/spool/mail/', 0o755],
  ['var/www/', 0o755],
] as const;

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

const GROUP = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
lp:x:7:
mail:x:8:
wheel:x:10:root
audio:x:29:
www-data:x:33:
staff:x:50:
users:x:100:
nogroup:x:65534:
`;
