import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '#base/errors';
import { CliError } from './cli-error.ts';
import { systemMessage } from './system-message.ts';

/** Said before the engine starts to read gigabytes. */
export async function checkOutputFile(file: string, what: string): Promise<void> {
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
export async function writeWhole(file: string, body: AsyncIterable<Uint8Array>): Promise<void> {
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
