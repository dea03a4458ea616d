import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '#base/errors';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { platformJson } from '../platform.ts';
import { systemMessage } from '../system-message.ts';
import { copyRaw } from '../terminal/session.ts';

export const save = command({
  usage: 'save [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a file, instead of STDOUT' },
    platform: { type: 'string', help: 'Save only the given platform variant, as "os[/arch[/variant]]"' },
  },
  args: { min: 1 },
  async run({ client, stdout }, { flags, args }) {
    if (!flags.output && stdout.isTTY) {
      throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect');
    }
    if (flags.output) await checkTarget(flags.output);
    const query = { names: args, platform: flags.platform ? platformJson(flags.platform) : undefined };
    const { body } = await client.stream('GET', '/images/get', { query });
    if (flags.output) await writeWhole(flags.output, body);
    else await copyRaw(body, stdout);
    return 0;
  },
});

/** Said before the engine starts to read gigabytes. */
async function checkTarget(file: string): Promise<void> {
  const folder = path.dirname(file);
  const parent = await stat(folder).catch((error: unknown) => {
    throw new CliError(`failed to save image: invalid output path: stat ${folder}: ${systemMessage(error)}`);
  });
  if (!parent.isDirectory()) {
    throw new CliError(`failed to save image: invalid output path: stat ${folder}: not a directory`);
  }
  const found = await stat(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new CliError(`failed to save image: invalid output path: stat ${file}: ${systemMessage(error)}`);
  });
  const kind = found?.isDirectory()
    ? 'directory'
    : found?.isCharacterDevice()
      ? 'character device file'
      : found?.isBlockDevice()
        ? 'block device file'
        : '';
  if (kind) throw new CliError(`failed to save image: cannot write to a ${kind}`);
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
