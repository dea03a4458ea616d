import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { jsonLines } from '#client/json-lines';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { platformJson } from '../platform.ts';
import { systemMessage } from '../system-message.ts';
import { showProgress } from '../terminal/progress.ts';
import { copyRaw } from '../terminal/session.ts';

/** Each piece is a request of its own to the disk, and a chunk on the way. */
const READ_BYTES = 256 * 1024;

export const load = command({
  usage: 'load [OPTIONS]',
  summary: 'Load an image from a tar archive or STDIN',
  flags: {
    input: { type: 'string', short: 'i', help: 'Read from tar archive file, instead of STDIN' },
    platform: { type: 'string', help: 'Load only the given platform variant, as "os[/arch[/variant]]"' },
    quiet: { type: 'bool', short: 'q', help: 'Suppress the load output' },
  },
  args: { min: 0, max: 0 },
  async run(context, { flags }) {
    const { client, stdout } = context;
    const body = await openArchive(context, flags.input);
    const isQuiet = flags.quiet || !stdout.isTTY;
    const query = { quiet: isQuiet, platform: flags.platform ? platformJson(flags.platform) : undefined };
    const headers = { 'Content-Type': 'application/x-tar' };
    const reply = await client.stream('POST', '/images/load', { query, headers, body });
    const type = reply.headers['content-type'];
    if (typeof type === 'string' && type.startsWith('application/json')) {
      await showProgress(jsonLines(reply.body), stdout, { quiet: false });
    } else await copyRaw(reply.body, stdout);
    return 0;
  },
});

async function openArchive({ stdin }: CliContext, path: string): Promise<Readable> {
  if (!path) {
    if (stdin.isTTY) throw new CliError('requested load from stdin, but stdin is empty');
    return stdin;
  }
  return openFile(path);
}

/** Opens before anything is sent, so that a wrong name is said at once. */
export async function openFile(path: string): Promise<Readable> {
  try {
    const handle = await open(path);
    return createReadStream('', { fd: handle, highWaterMark: READ_BYTES });
  } catch (error) {
    throw new CliError(`open ${path}: ${systemMessage(error)}`);
  }
}
