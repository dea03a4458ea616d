import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '#base/errors';
import { StdioDemuxer } from '#client/stdio-demuxer';
import type { Hijacked } from '#client/transport';
import type { CliContext, OutputStream } from '../context.ts';
import { Detached, watchDetachKeys } from './detach-keys.ts';
import { LineEnds } from './line-ends.ts';

export interface SessionOptions {
  /** The other side is a terminal: one raw stream instead of frames. */
  readonly tty: boolean;
  /** Send our stdin. */
  readonly stdin: boolean;
  /** Keys that end the session and leave the program running; absent means that none do. */
  readonly detachKeys?: Uint8Array;
}

type Io = Pick<CliContext, 'stdin' | 'stdout' | 'stderr'>;

/**
 * Joins this process's streams to a container's until the container's output ends, or the user detaches.
 * With a terminal on both sides ours is raw meanwhile: every key goes to the container.
 */
export async function runSession(
  connection: Hijacked,
  io: Io,
  options: SessionOptions,
): Promise<'ended' | 'detached'> {
  const isRaw = options.tty && options.stdin && io.stdin.isTTY === true;
  if (isRaw) io.stdin.setRawMode?.(true);
  const stop = new AbortController();
  try {
    const detached = options.stdin ? sendInput(connection, io, options, stop.signal) : undefined;
    const ended = copyOutput(connection.output, io, { tty: options.tty, isRaw }).then(() => 'ended' as const);
    return await (detached ? Promise.race([ended, detached]) : ended);
  } finally {
    stop.abort();
    if (isRaw) io.stdin.setRawMode?.(false);
    connection.close();
  }
}

/** Settles only when the user detaches: the end of input is not the end of the session. */
async function sendInput(
  connection: Hijacked,
  { stdin }: Pick<Io, 'stdin'>,
  { tty, detachKeys }: SessionOptions,
  signal: AbortSignal,
): Promise<'detached'> {
  const keys = tty ? detachKeys : undefined;
  const filter = (input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
    keys ? watchDetachKeys(input, keys) : input;
  try {
    await pipeline(stdin, filter, connection.input, { signal });
  } catch (error) {
    if (error instanceof Detached) return 'detached';
    // A program that does not read its input, or that has ended: its output says what there is to say.
  }
  return new Promise(() => undefined);
}

async function copyOutput(
  output: AsyncIterable<Uint8Array>,
  io: Pick<Io, 'stdout' | 'stderr'>,
  { tty, isRaw }: { readonly tty: boolean; readonly isRaw: boolean },
): Promise<void> {
  try {
    if (!tty) await copyFrames(output, io);
    else if (isRaw && io.stdout.isTTY) await copyToTerminal(output, io.stdout);
    else await copyRaw(output, io.stdout);
  } catch (error) {
    // Some engines drop the connection when the program has ended.
    if (codeOf(error) !== 'ECONNRESET') throw error;
  }
}

/** Writes a stream that has no frames: a terminal's. */
export async function copyRaw(output: AsyncIterable<Uint8Array>, stdout: OutputStream): Promise<void> {
  for await (const chunk of output) await write(stdout, chunk);
}

async function copyToTerminal(output: AsyncIterable<Uint8Array>, stdout: OutputStream): Promise<void> {
  const lineEnds = new LineEnds();
  for await (const chunk of output) await write(stdout, lineEnds.convert(chunk));
}

/** Writes the frames of a multiplexed stream to stdout and stderr. */
export async function copyFrames(
  output: AsyncIterable<Uint8Array>,
  { stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>,
): Promise<void> {
  const demuxer = new StdioDemuxer();
  for await (const chunk of output) {
    for (const { stream, bytes } of demuxer.push(chunk)) {
      await write(stream === 'stdout' ? stdout : stderr, bytes);
    }
  }
}

async function write(stream: OutputStream, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await once(stream, 'drain');
}
