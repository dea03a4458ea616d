import { Readable } from 'node:stream';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { CliError } from '../cli-error.ts';
import { USUAL_NAME } from './dockerfile-place.ts';

export interface StdinContext {
  /** of the Dockerfile in it; `''` is the engine's default */
  readonly dockerfile: string;
  readonly body: AsyncIterable<Buffer>;
  /** of the Dockerfile, when it is nothing else */
  readonly text?: string;
}

const MOST_DOCKERFILE_BYTES = 4 * 1024 * 1024;
const TAR_BLOCK = 512;

/**
 * `build -`: a tar, of whatever compression, is the context; anything else is a Dockerfile, to be built without one. `-f` names
 * a file in the tar, and says nothing otherwise.
 *
 * @throws {CliError} when nothing comes.
 */
export async function stdinContext(input: AsyncIterable<Buffer>, given: string): Promise<StdinContext> {
  const chunks = input[Symbol.asyncIterator]();
  const start = await upTo(chunks, TAR_BLOCK);
  if (start.length === 0) throw new CliError('unable to prepare context from STDIN: nothing came from it');
  if (isArchive(start)) return { dockerfile: given, body: continued(start, chunks) };
  const text = await wholeText(continued(start, chunks), 'STDIN');
  const tar = Buffer.concat([tarEntry({ path: USUAL_NAME }, text), TAR_END]);
  return { dockerfile: USUAL_NAME, body: Readable.from([tar]), text: text.toString() };
}

/** A Dockerfile that comes as a stream. @throws {CliError} for more than any has. */
export async function wholeText(input: AsyncIterable<Buffer>, what: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.length;
    if (bytes > MOST_DOCKERFILE_BYTES) throw new CliError(`${what} is too large for a Dockerfile`);
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

async function upTo(chunks: AsyncIterator<Buffer>, bytes: number): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (start.length < bytes) {
    const { done, value } = await chunks.next();
    if (done) break;
    start = Buffer.concat([start, value]);
  }
  return start;
}

async function* continued(start: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield start;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

/** gzip, bzip2, xz, zstd */
const MAGICS = ['1f8b08', '425a68', 'fd377a585a00', '28b52ffd'];

/** A compressed file, or the header of a tar: its checksum fits. */
function isArchive(start: Buffer): boolean {
  const hex = start.toString('hex', 0, 8);
  return MAGICS.some(magic => hex.startsWith(magic)) || isTarHeader(start);
}

function isTarHeader(block: Buffer): boolean {
  if (block.length < TAR_BLOCK) return false;
  const told = Number.parseInt(block.toString('latin1', 148, 156).replaceAll(/[\0 ]/g, '') || 'x', 8);
  let sum = 8 * 0x20; // the checksum itself counts as blanks
  for (let at = 0; at < TAR_BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum === told;
}
