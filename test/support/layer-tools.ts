import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { AT_FDCWD, mknodAt, S_IFBLK, S_IFCHR, S_IFIFO } from '#sys/at';
import { setXattr } from '#sys/xattr';

/** A program that makes layers of a directory. */
export interface LayerTool {
  readonly name: string;
  /** the archive of `tree`, made in `scratch` */
  readonly pack: (tree: string, scratch: string) => Buffer;
  /** why it cannot run here */
  readonly skip: string | false;
}

function run(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr} ${error?.message ?? ''}`);
  return stdout;
}

function missing(program: string): string | false {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? false : `no ${program}`;
}

function archiver(name: string, program: string, args: readonly string[]): LayerTool {
  return {
    name,
    skip: missing(program),
    pack: (tree, scratch) => {
      const archive = join(scratch, 'archive');
      run(program, [...args, '-f', archive, '-C', tree, '.']);
      return readFileSync(archive);
    },
  };
}

const PYTHON = `
import sys, tarfile
with tarfile.open(sys.argv[2], 'w:gz', format=getattr(tarfile, sys.argv[3])) as t:
    t.add(sys.argv[1], '.')
`;

function python(format: string): LayerTool {
  return {
    name: `Python's tarfile (${format})`,
    skip: missing('python3'),
    pack: (tree, scratch) => {
      const archive = join(scratch, 'archive');
      run('python3', ['-', tree, archive, format], { input: PYTHON });
      return readFileSync(archive);
    },
  };
}

/** A layer that Docker made: see `test/fixtures/layers/README.md`. */
export function dockerLayer(name: 'files' | 'changes'): Buffer {
  return readFileSync(new URL(`../fixtures/layers/docker-${name}.tar.zst`, import.meta.url));
}

export const LAYER_TOOLS: readonly LayerTool[] = [
  { name: 'Docker', skip: false, pack: () => dockerLayer('files') },
  {
    name: 'buildah',
    skip: missing('buildah'),
    pack: (tree, scratch) => {
      const place = mkdtempSync(join(scratch, 'buildah-'));
      const buildah = (...args: readonly string[]): string => {
        const own = [
          '--root',
          join(place, 'root'),
          '--runroot',
          join(place, 'run'),
          '--storage-driver',
          'vfs',
        ];
        // It wants the file with credentials that the environment names, needed or not.
        return run('buildah', [...own, ...args], {
          env: { PATH: process.env['PATH'] ?? '', HOME: place },
        }).trim();
      };
      const container = buildah('from', 'scratch');
      run('cp', ['-a', `${tree}/.`, buildah('mount', container)]);
      buildah('commit', '--quiet', container, `oci:${place}/l:t`);
      buildah('rm', container);
      return onlyLayer(join(place, 'l'));
    },
  },
  archiver('GNU tar (posix, attributes, sparse)', 'tar', [
    '-c',
    '-S',
    '--xattrs',
    '--xattrs-include=*',
    '--format=posix',
  ]),
  archiver('GNU tar (gnu, sparse, gzip)', 'tar', ['-c', '-S', '-z', '--format=gnu']),
  archiver('GNU tar (oldgnu sparse)', 'tar', ['-c', '-S', '--format=oldgnu']),
  archiver('bsdtar (pax)', 'bsdtar', ['-c', '--format=pax', '--xattrs']),
  archiver('bsdtar (gnutar)', 'bsdtar', ['-c', '--format=gnutar']),
  python('PAX_FORMAT'),
  python('GNU_FORMAT'),
  {
    name: 'umoci',
    skip: missing('umoci'),
    pack: (tree, scratch) => {
      const layout = mkdtempSync(join(scratch, 'layout-'));
      run('umoci', ['init', '--layout', join(layout, 'l')]);
      run('umoci', ['new', '--image', `${layout}/l:t`]);
      run('umoci', ['insert', '--image', `${layout}/l:t`, tree, '/']);
      return onlyLayer(join(layout, 'l'));
    },
  },
];

/** Of the one image of an OCI layout. */
function onlyLayer(layout: string): Buffer {
  const blob = (digest: string): Buffer => readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString());
  return blob(manifest.layers[0].digest);
}

/** One of everything that an image may hold. */
export function makeRichTree(tree: string): void {
  const at = (...names: string[]): string => join(tree, ...names);
  for (const name of ['bin', 'etc', 'empty', 'big', 'deep', 'var/log', 'tmp'])
    mkdirSync(at(name), { recursive: true });
  for (const size of [0, 1, 511, 512, 513, 1023, 1024, 70_000])
    writeFileSync(at('etc', `size-${size}`), Buffer.alloc(size, `${size} `));
  for (let index = 0; index < 1500; index += 1)
    writeFileSync(at('big', `file-${index}-${'x'.repeat(index % 60)}`), `${index}`);
  mkdirSync(at('deep', ...Array.from({ length: 60 }, (_, index) => `level-${index}`)), { recursive: true });
  writeFileSync(at('n'.repeat(255)), 'long name');
  writeFileSync(Buffer.concat([Buffer.from(at('caf')), Buffer.from([0xe9, 0xff])]), 'not UTF-8');
  writeFileSync(at('line\nbreak "quoted" \\ *'), 'odd');
  writeFileSync(at('grüße ☃'), 'UTF-8');
  writeFileSync(at('bin/su'), 'program');
  lchownSync(at('bin/su'), 10, 4_000_000);
  chmodSync(at('bin/su'), 0o6755);
  chmodSync(at('tmp'), 0o1777);
  linkSync(at('bin/su'), at('bin/sudo'));
  linkSync(at('bin/su'), at('etc/su'));
  symlinkSync('../bin/su', at('etc/link'));
  symlinkSync('x/'.repeat(200), at('etc/long-link'));
  symlinkSync('y/'.repeat(2000), at('etc/longest-link'));
  symlinkSync('/etc', at('var/etc'));
  linkSync(at('etc/link'), at('etc/link-twice'));
  mknodAt(AT_FDCWD, at('null'), S_IFCHR | 0o666, 1, 3);
  mknodAt(AT_FDCWD, at('disk'), S_IFBLK | 0o660, 259, 70_000);
  mknodAt(AT_FDCWD, at('fifo'), S_IFIFO | 0o640);
  sparseFile(at('var/log/lastlog'), 3_000_000, [0, 700_000, 2_999_000]);
  sparseFile(at('var/log/hole'), 1_000_000, []);
  setXattr(at('etc/size-1'), 'user.one', Buffer.from('1'));
  setXattr(at('etc/size-1'), 'user.two', Buffer.from('a\n=\0b'));
  setXattr(at('etc'), 'user.dir', Buffer.alloc(1000, 'd'));
  setXattr(
    at('bin/su'),
    'security.capability',
    Buffer.from('0100000200200000000000000000000000000000', 'hex'),
  );
  setXattr(at('etc/size-511'), 'trusted.t', Buffer.from('t'));
  utimesSync(at('etc/size-0'), 1, 1_234_567_890.123_456_7);
  utimesSync(at('empty'), 1, 0);
  utimesSync(at('etc/size-1'), 1, -5);
  for (const name of ['big', 'deep', 'var', 'tmp', 'bin', 'etc', '.']) utimesSync(at(name), 1, 1_000_000_000);
}

function sparseFile(path: string, size: number, offsets: readonly number[]): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, size);
  for (const offset of offsets) writeSync(fd, `data at ${offset}`, offset);
  closeSync(fd);
}
