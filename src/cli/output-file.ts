import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '#base/errors';
import { CliError } from './cli-error.ts';
import type { OutputStream } from './context.ts';
import { systemMessage } from './system-message.ts';
import { copyRaw } from './terminal/session.ts';

/**
 * Writes an archive to a file, or to standard output unless that is a terminal.
 *
 * @param open asks the engine for it, when it is known that it can be written
 * @param failure what is said to have failed when the file cannot be
 */
export async function writeArchive(
  file: string,
  stdout: OutputStream,
  open: () => Promise<AsyncIterable<Uint8Array>>,
  failure: string,
): Promise<void> {
  if (!file && stdout.isTTY) {
    throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
  }
  if (file) await checkOutputFile(file, failure);
  const body = await open();
  if (file) await writeWhole(file, body);
  else await copyRaw(body, stdout);
}

/** Said before the engine starts to read gigabytes. */
async function checkOutputFile(file: string, what: string): Promise<void> {
  const folder = path.dirname(file);
  const parent = await stat(folder).catch((error: unknown) => {
    throw new CliError(`${what}: invalid output path: stat ${folder}: ${systemMessage(error)}`);
  });
  if (!parent.isDirectory()) {
    throw new CliError(`${what}: invalid output path: stat ${folder}: not a directory`);
  }
  const found = await stat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new CliError(`${what}: invalid output path: stat ${file}: ${systemMessage(error)}`);
  });
  const kind = found?.isDirectory()
    ? 'directory'
    : found?.isCharacterDevice()
      ? 'character device file'
      : found?.isBlockDevice()
        ? 'block device file'
        : '';
  if (kind) throw new CliError(`${what}: cannot write to a ${kind}`);
}

/** Whole or not at all: what was there before stays until then. Pipes are written to as they are. */
async function writeWhole(file: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found && !found.isFile()) return pipeline(body, createWriteStream(file));
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.tmp`);
  try {
    await pipeline(body, createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }));
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
