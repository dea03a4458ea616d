import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createZstdCompress } from 'node:zlib';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import { type BackupManifest, backupsIn, newManifest, readManifest } from './backup-manifest.ts';
import { type PartFile, removeParts, startPart } from './part-file.ts';
import type { Volume } from './volume.ts';
import type { VolumeContents } from './volume-contents.ts';

export interface BackupOptions extends Abortable {
  /** how many backups of this volume stay in the directory; absent: all */
  readonly keep?: number;
}

export interface Backup {
  /** of the manifest, which {@link VolumeBackups.restore} takes */
  readonly path: string;
  readonly manifest: BackupManifest;
}

/**
 * Backups of volumes in a directory of the host, for the host's own means to carry away: `NAME.TIME.tar.zst` and, when
 * that is whole and on the disk, `NAME.TIME.json` with its checksum. What a crash leaves is no backup, and goes with the next.
 */
export class VolumeBackups {
  readonly #get: (name: string) => Volume;
  readonly #contents: Pick<VolumeContents, 'pack' | 'unpack'>;

  constructor(deps: {
    readonly get: (name: string) => Volume;
    readonly contents: Pick<VolumeContents, 'pack' | 'unpack'>;
  }) {
    this.#get = deps.get;
    this.#contents = deps.contents;
  }

  /**
   * @param place a directory, or a file in one that is not there yet, by its name: it ends with `.tar.zst`
   * @throws {EngineError} `notFound` for the volume, `invalid` for a directory that is not there: it may be a disk that is not mounted.
   */
  async make(name: string, place: string, { keep, ...options }: BackupOptions = {}): Promise<Backup> {
    const volume = this.#get(name);
    const isFile = place.endsWith(ARCHIVE) && !isDirectory(place);
    const directory = isFile ? dirname(place) : place;
    checkDirectory(directory);
    if (isFile && keep !== undefined) {
      throw new EngineError(
        'invalid',
        `${place} is one file: how many backups are kept is a matter of a directory`,
      );
    }
    await removeParts(directory, isFile ? partsOf(place) : leftBy(name));
    const { base, createdAt, part } = isFile ? await startNamed(place) : await startArchive(directory, name);
    const file = `${base}${ARCHIVE}`;
    const written = await writeWhole(part, async () => await this.#contents.pack(name, options), options);
    const { driver, labels, options: driverOptions } = volume;
    const manifest = newManifest({
      volume: name,
      driver,
      labels,
      options: driverOptions,
      createdAt,
      file,
      ...written,
    });
    const path = join(directory, `${base}.json`);
    await writeText(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
    if (keep !== undefined) await removeOldest(directory, name, keep);
    return { path, manifest };
  }

  /** Gives a volume the content of a backup, by its manifest or the archive beside that; makes it if it does not exist. Nothing is changed by one that is not whole. */
  async restore(name: string, manifestPath: string, options: Abortable = {}): Promise<Volume> {
    if (!isAbsolute(manifestPath))
      throw new EngineError('invalid', `"${manifestPath}" is no absolute path of the engine's host`);
    const { file, sizeBytes, sha256 } = readManifest(manifestPath.replace(/\.tar\.zst$/, '.json'));
    const path = join(dirname(manifestPath), file);
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of createReadStream(path, options)) {
      hash.update(chunk as Buffer); // no encoding is set: buffers
      length += (chunk as Buffer).length;
    }
    if (length !== sizeBytes || hash.digest('hex') !== sha256) {
      throw new EngineError('dataLoss', `the backup ${path} is not what was written: its checksum differs`);
    }
    return await this.#contents.unpack(name, createReadStream(path), options);
  }
}

const ARCHIVE = '.tar.zst';

/** @throws {EngineError} `invalid` for a directory that backups cannot be put into. */
export function checkDirectory(directory: string): void {
  if (!isAbsolute(directory)) {
    throw new EngineError(
      'invalid',
      `"${directory}" is no absolute path: the engine writes the backup itself, so say where from the root of its host on, such as /srv/backups`,
    );
  }
  if (!isDirectory(directory)) {
    throw new EngineError(
      'invalid',
      `"${directory}" is no directory of the engine's host: make it, or mount what it is on`,
    );
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A backup of the name that was asked for. @throws {EngineError} `conflict` when there is a file of this name. */
async function startNamed(path: string): ReturnType<typeof startArchive> {
  const base = basename(path, ARCHIVE);
  const manifest = join(dirname(path), `${base}.json`);
  const part = existsSync(manifest) ? undefined : await startPart(path);
  if (part) return { base, createdAt: new Date().toISOString(), part };
  throw new EngineError('conflict', `${path}, or ${manifest}, exists already: backups are not written over`);
}

/** The first moment from now on that no other backup of the volume in this directory is named after. */
async function startArchive(
  directory: string,
  volume: string,
): Promise<{ readonly base: string; readonly createdAt: string; readonly part: PartFile }> {
  for (let time = Date.now(); ; time += 1) {
    const createdAt = new Date(time).toISOString();
    const base = `${volume}.${createdAt.replace(/[-:]/g, '')}`;
    const part = await startPart(join(directory, `${base}${ARCHIVE}`));
    if (part) return { base, createdAt, part };
  }
}

/** @returns what the manifest says of it, once it is on the disk under its name. */
async function writeWhole(
  part: PartFile,
  archive: () => Promise<Readable>,
  { signal }: Abortable,
): Promise<Pick<BackupManifest, 'sizeBytes' | 'sha256'>> {
  await using output = part;
  const hash = createHash('sha256');
  let sizeBytes = 0;
  async function* measured(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  }
  const options = signal ? { signal } : {};
  const write = (chunks: AsyncIterable<Buffer>): Promise<void> => output.write(chunks);
  await pipeline(await archive(), createZstdCompress(), measured, write, options);
  await output.finish();
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function writeText(path: string, content: string): Promise<void> {
  const part = await startPart(path);
  if (!part) throw new EngineError('conflict', `${path} is being written by somebody else`);
  await using output = part;
  await output.write(content);
  await output.finish();
  await using directory = await open(dirname(path));
  await directory.sync();
}

function partsOf(path: string): (name: string) => boolean {
  const base = basename(path, ARCHIVE);
  return name => name === `${base}${ARCHIVE}.part` || name === `${base}.json.part`;
}

/** Parts of backups of this volume. */
function leftBy(volume: string): (name: string) => boolean {
  const pattern = /^\.\d{8}T\d{6}\.\d{3}Z\.(?:tar\.zst|json)\.part$/;
  return name => name.startsWith(`${volume}.`) && pattern.test(name.slice(volume.length));
}

/** Names that were given are not ours to remove. */
const OWN_NAME = /\.\d{8}T\d{6}\.\d{3}Z\.tar\.zst$/;

async function removeOldest(directory: string, volume: string, keep: number): Promise<void> {
  const all = backupsIn(directory, volume).filter(({ manifest }) => OWN_NAME.test(manifest.file));
  for (const { path, manifest } of all.slice(0, Math.max(0, all.length - keep))) {
    await rm(path, { force: true }); // first: an archive without it is no backup
    await rm(join(directory, manifest.file), { force: true });
  }
}
