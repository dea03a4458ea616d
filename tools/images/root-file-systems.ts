import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, hasStaticBusybox } from '../setup/debian-packages.ts';
import { helloProgram } from './hello-program.ts';
import type { ImageFolder } from './image-folder.ts';
import { run } from './programs.ts';

export interface RootOptions {
  /** a tar with Debian's root file system, instead of a new one */
  readonly debianTar?: string | undefined;
}

/** Puts what an image begins with into its context. */
export async function prepareRoot(
  root: NonNullable<ImageFolder['root']>,
  context: string,
  { debianTar }: RootOptions,
): Promise<void> {
  switch (root) {
    case 'hello-world':
      writeFileSync(join(context, 'hello'), helloProgram(), { mode: 0o755 });
      return;
    case 'busybox':
      return withFolder(folder => makeBusybox(folder, join(context, 'root.tar')));
    case 'debian':
      if (debianTar !== undefined) return copyFileSync(debianTar, join(context, 'root.tar'));
      return withFolder(folder => makeDebian(folder, join(context, 'root.tar')));
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quai-root-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeBusybox(folder: string, tar: string): Promise<void> {
  const program = findProgram('busybox');
  if (program === undefined || !hasStaticBusybox()) {
    throw new Error('busybox needs Debian’s static one: apt-get install busybox-static');
  }
  for (const path of ['bin', 'etc', 'home', 'root', 'tmp', 'usr/bin', 'usr/sbin', 'var/spool', 'var/www']) {
    mkdirSync(join(folder, path), { recursive: true });
  }
  chmodSync(join(folder, 'root'), 0o700);
  chmodSync(join(folder, 'tmp'), 0o1777);
  copyFileSync(program, join(folder, 'bin/busybox'));
  chmodSync(join(folder, 'bin/busybox'), 0o755);
  const commands = (await run(program, ['--list'])).trim().split('\n');
  for (const name of commands.filter(each => each !== 'busybox'))
    symlinkSync('busybox', join(folder, 'bin', name));
  writeFileSync(
    join(folder, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nwww-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n',
  );
  writeFileSync(join(folder, 'etc/group'), 'root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n');
  await pack(folder, tar);
}

/** What Debian calls what runs here is not what an image is made of: that is the release its Dockerfiles name. */
const SUITE = 'bookworm';
const DEFAULT_MIRROR = 'http://deb.debian.org/debian/';
/** dpkg(1): what nobody reads in a container is not unpacked, now and later; licences stay. */
const NO_WORDS = [
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-include=/usr/share/locale/locale.alias',
  '',
].join('\n');
/** apt.conf(5): layers are not a cache */
const NO_CACHE = [
  'Dir::Cache::pkgcache "";',
  'Dir::Cache::srcpkgcache "";',
  'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };',
  'Acquire::Languages "none";',
  'Acquire::GzipIndexes "true";',
  'APT::AutoRemove::SuggestsImportant "false";',
  '',
].join('\n');
/** invoke-rc.d(8): nothing is started while packages are installed */
const NO_SERVICES = '#!/bin/sh\nexit 101\n';

async function makeDebian(folder: string, tar: string): Promise<void> {
  if (findProgram('debootstrap') === undefined) {
    throw new Error(
      'debian needs debootstrap: apt-get install debootstrap, or give a tar with --debian-root',
    );
  }
  const sources = await debianSources();
  const mirror = sources.find(source => source.suite === SUITE)?.url ?? DEFAULT_MIRROR;
  await run('debootstrap', ['--variant=minbase', SUITE, folder, mirror]);
  const lines = sources.length > 0 ? sources : [{ url: DEFAULT_MIRROR, suite: SUITE }];
  const files: Readonly<Record<string, string>> = {
    'etc/apt/sources.list': `${lines.map(({ url, suite }) => `deb ${url} ${suite} main`).join('\n')}\n`,
    'etc/apt/apt.conf.d/docker-image': NO_CACHE,
    'etc/dpkg/dpkg.cfg.d/docker-image': NO_WORDS,
    'etc/resolv.conf': '',
    'etc/hostname': '',
    'etc/machine-id': '',
  };
  for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
  writeFileSync(join(folder, 'usr/sbin/policy-rc.d'), NO_SERVICES, { mode: 0o755 });
  await run('sh', [
    '-c',
    'cd "$1" && rm -rf var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/*.deb var/cache/ldconfig/aux-cache var/log/*.log var/log/apt usr/share/man usr/share/info usr/share/locale/*/ && find usr/share/doc -type f ! -name copyright -delete && find usr/share/doc -xtype l -delete && find usr/share/doc -type d -empty -delete && mkdir -p usr/share/man/man1 usr/share/man/man7 usr/share/man/man8',
    'sh',
    folder,
  ]);
  await pack(folder, tar);
}

interface DebianSource {
  readonly url: string;
  readonly suite: string;
}

/** The mirrors that this machine has for the release, its updates and its security fixes. */
async function debianSources(): Promise<DebianSource[]> {
  const format = ['--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Identifier: Packages'];
  const listed = await run('apt-get', ['indextargets', ...format]).catch(() => '');
  const lines = [...new Set(listed.split('\n'))].map(line => line.split(' '));
  return lines.flatMap(([url = '', suite = '', component]) =>
    component === 'main' && (suite === SUITE || suite.startsWith(`${SUITE}-`)) && url.startsWith('http')
      ? [{ url, suite }]
      : [],
  );
}

/** The same files make the same tar. */
async function pack(folder: string, tar: string): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--clamp-mtime', '--numeric-owner', '--xattrs'];
  await run('tar', [
    '-C',
    folder,
    ...same,
    ...(process.getuid?.() === 0 ? [] : ['--owner=0', '--group=0']),
    '-cf',
    tar,
    '.',
  ]);
}
