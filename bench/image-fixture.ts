import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDebianTar } from '../test/support/debian-image.ts';
import {
  buildImage,
  descriptor,
  dockerArchive,
  type LayerEntry,
  sharedFixture,
  tarOf,
} from '../test/support/image-archive.ts';

/** A new number makes every machine build its image again. */
const RECIPE = 2;
const FOLDERS = 200;
const FILES_IN_EACH = 100;
const LARGE_FILE_BYTES = 200 * 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const CONFIG = 'application/vnd.docker.container.image.v1+json';
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const ARCHIVE_TAG = 'quai-bench-image:loaded';

/** An image as a registry has it. */
export interface RegistryImage {
  readonly manifest: Buffer;
  readonly mediaType: string;
  readonly blobs: readonly { readonly digest: string; readonly file: string }[];
}

/** The image that is pulled, pushed, loaded and saved, as files. */
export interface ImageFixture extends RegistryImage {
  /** for `docker load`, tagged {@link ARCHIVE_TAG} */
  readonly archive: string;
}

interface Index {
  readonly blobs: readonly string[];
}

/**
 * 417 MB in four layers: a Debian made by debootstrap, 20,000 small files, one file of 200 MB of which half can be
 * compressed, and one that deletes and changes some of the small files, compressed as Docker does. The same bytes each time but for the
 * Debian. Made once.
 *
 * @throws {Error} when Debian's packages cannot be reached.
 */
export async function imageFixture(): Promise<ImageFixture> {
  const folder = sharedFixture(`bench-image-${RECIPE}`);
  if (!existsSync(folder)) await build(folder);
  const { blobs }: Index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  return {
    archive: join(folder, 'archive.tar'),
    manifest: readFileSync(join(folder, 'manifest.json')),
    mediaType: MANIFEST,
    blobs: blobs.map(digest => ({ digest, file: join(folder, digest.replace(':', '-')) })),
  };
}

async function build(folder: string): Promise<void> {
  const debian = await makeDebianTar();
  if (debian === undefined) throw new Error('the image needs Debian’s packages, which cannot be reached');
  process.stderr.write('making the image, which takes a minute …\n');
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const layers = [readFileSync(debian), tarOf(smallFiles()), tarOf(largeFile()), tarOf(changes())];
    const config = { Cmd: ['sh'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] };
    const built = buildImage({ tags: [], layers, config, compress: 'go' });
    const files = [{ digest: built.configDigest, bytes: built.configJson }, ...built.blobs];
    for (const { digest, bytes } of files)
      writeFileSync(join(temporary, digest.replace(':', '-')), new Uint8Array(bytes));
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: descriptor(CONFIG, built.configJson),
      layers: built.blobs.map(({ bytes }) => descriptor(LAYER, bytes)),
    };
    writeFileSync(join(temporary, 'manifest.json'), JSON.stringify(manifest));
    writeFileSync(join(temporary, 'archive.tar'), dockerArchive([{ tags: [ARCHIVE_TAG], layers, config }]));
    writeFileSync(
      join(temporary, 'index.json'),
      JSON.stringify({ blobs: files.map(({ digest }) => digest) }),
    );
    renameSync(temporary, folder); // whole, or not there
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function smallFiles(): LayerEntry[] {
  return Array.from({ length: FOLDERS }, (_, folder) => [
    { path: folderName(folder), type: 'directory', mode: 0o755 } as const,
    ...Array.from({ length: FILES_IN_EACH }, (_, file) => smallFile(folder, file, 'first')),
  ]).flat();
}

function smallFile(folder: number, file: number, version: string): LayerEntry {
  const hash = seeded(`${version} ${folder} ${file}`);
  // up to 8 KiB, of which a part compresses as source code does
  const size = hash.readUInt16LE(0) % 8192;
  return { path: `${folderName(folder)}/f${file}`, content: hash.toString('hex').repeat(128).slice(0, size) };
}

function folderName(folder: number): string {
  return `opt/small/d${folder}`;
}

/** Every other chunk is noise. */
function largeFile(): LayerEntry[] {
  const content = Buffer.alloc(LARGE_FILE_BYTES);
  for (let at = 0; at < content.length; at += 2 * CHUNK_BYTES)
    noise(content.subarray(at, at + CHUNK_BYTES), at);
  return [{ path: 'opt/large', content }];
}

function noise(into: Buffer, seed: number): void {
  for (let at = 0; at < into.length; at += 32) seeded(`${seed} ${at}`).copy(into, at);
}

/** Ten folders are deleted, ten files in each of twenty, and twenty folders have ten changed files. */
function changes(): LayerEntry[] {
  const ten = Array.from({ length: 10 }, (_, index) => index);
  const folders = Array.from({ length: 20 }, (_, index) => index);
  return [
    ...ten.map(index => ({ path: `opt/small/.wh.d${index}`, content: '' })),
    ...folders.flatMap(index =>
      ten.map(file => ({ path: `${folderName(20 + index)}/.wh.f${file}`, content: '' })),
    ),
    ...folders.flatMap(index => ten.map(file => smallFile(60 + index, file, 'second'))),
  ];
}

function seeded(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
