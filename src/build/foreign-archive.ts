import { existsSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError } from '#base/errors';
import { freeSpace } from '#store/disk-space';
import type { ProgramJail } from '#store/program-jail';

/** How an archive is compressed that the engine itself cannot read. */
export type ForeignCompression = 'bzip2' | 'xz';

const MAGICS: Readonly<Record<ForeignCompression, string>> = { bzip2: '425a68', xz: 'fd377a585a00' };
const MAGIC_BYTES = 6;
const FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin'];

/** More than they do honestly; what is beyond is refused as a bomb. */
const MAX_RATIO = 2000;
const ALWAYS_ALLOWED_BYTES = 1024 ** 3;
const FREE_BYTES = 256 * 1024 ** 2;
const MEMORY_BYTES = 1024 ** 3;
const TIMEOUT_MS = 60 * 60_000;

/** `undefined`: neither of these. */
export function foreignCompression(start: Uint8Array): ForeignCompression | undefined {
  const magic = Buffer.from(start.subarray(0, MAGIC_BYTES)).toString('hex');
  if (magic.startsWith(MAGICS.bzip2)) return 'bzip2';
  return magic.startsWith(MAGICS.xz) ? 'xz' : undefined;
}

/** The compression of a file. */
export async function foreignCompressionOf(path: string): Promise<ForeignCompression | undefined> {
  await using file = await open(path, 'r');
  const start = Buffer.alloc(MAGIC_BYTES);
  await file.read(start, 0, MAGIC_BYTES, 0);
  return foreignCompression(start);
}

/**
 * Decompresses a file into a new one beside it, by the program of the host, in a jail: it reads what a stranger made.
 *
 * @throws {EngineError} `invalid` when it is damaged or a bomb; `unavailable` without the program or room.
 */
export async function decompressForeign(
  compression: ForeignCompression,
  {
    from,
    to,
    jail,
    signal,
  }: {
    /** path without links */
    readonly from: string;
    readonly to: string;
    readonly jail: Pick<ProgramJail, 'run'>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const file = FOLDERS.map(folder => `${folder}/${compression}`).find(path => existsSync(path));
  if (file === undefined) {
    const hint = `install it on the host of the engine, or compress with gzip or zstd`;
    throw new EngineError('unavailable', `${compression} is not there to unpack the archive: ${hint}`);
  }
  await using output = await open(to, 'wx', 0o600);
  const fileBytes = await allowedBytes(from, dirname(to));
  const { status, output: complaint } = await jail.run(
    {
      file,
      args: ['-d', '-c', '/archive'],
      readable: new Map([['/archive', from]]),
      writable: new Map(),
      stdout: output.fd,
      limits: { fileBytes, memoryBytes: MEMORY_BYTES, cpuSeconds: TIMEOUT_MS / 1000 },
      timeoutMs: TIMEOUT_MS,
    },
    { signal },
  );
  if (status !== 0) throw await problemOf(compression, complaint || `status ${status}`, output, fileBytes);
}

async function allowedBytes(from: string, folder: string): Promise<number> {
  await using file = await open(from, 'r');
  const [{ size }, { bytes }] = await Promise.all([file.stat(), freeSpace(folder)]);
  return Math.max(0, Math.min(bytes - FREE_BYTES, Math.max(size * MAX_RATIO, ALWAYS_ALLOWED_BYTES)));
}

async function problemOf(
  compression: ForeignCompression,
  complaint: string,
  output: FileHandle,
  fileBytes: number,
): Promise<EngineError> {
  const { size } = await output.stat();
  if (size >= fileBytes)
    return new EngineError(
      'invalid',
      `the ${compression} archive contains more than ${fileBytes} bytes, which is more than there is room for`,
    );
  return new EngineError('invalid', `cannot decompress the archive with ${compression}: ${complaint}`);
}
