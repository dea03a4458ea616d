import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { type AttachedStreams, OUTPUT_HEADROOM } from '#runtime/process-runtime';
import { DetachDetector } from './detach-keys.ts';
import { writeFrameHeader } from './stream-frames.ts';

export interface StreamSessionOptions extends Abortable {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** a terminal: bytes as they are, and the detach keys are listened for */
  readonly isRaw: boolean;
  readonly detachKeys: Buffer;
  /** what must have happened before the client sees the end of the output */
  readonly beforeEnd?: Promise<unknown>;
}

export type SessionEnd = 'ended' | 'detached' | 'left';

/**
 * Joins a client's connection to the standard streams of a process, until the process has closed its output,
 * the client types the detach keys, or leaves. Both directions wait for the slower side; nothing is dropped.
 * The connection's writing side is ended; the streams are disposed.
 */
export async function runStreamSession(
  streams: AttachedStreams,
  connection: Duplex,
  options: StreamSessionOptions,
): Promise<SessionEnd> {
  using _streams = streams;
  const over = Promise.withResolvers<SessionEnd>();
  connection.once('close', () => over.resolve('left'));
  connection.on('error', () => over.resolve('left')); // a reset by the client is a way to leave
  options.signal?.addEventListener('abort', () => over.resolve('left'), { once: true });
  pumpInput(streams, connection, options).then(
    isDetached => isDetached && over.resolve('detached'),
    () => over.resolve('left'),
  );
  pumpOutput(streams, connection, options).then(
    () => over.resolve('ended'),
    () => over.resolve('left'),
  );
  const end = await over.promise;
  if (end === 'ended') await options.beforeEnd;
  if (!connection.destroyed) connection.end();
  return end;
}

async function pumpOutput(
  streams: AttachedStreams,
  connection: Duplex,
  { stdout, stderr, isRaw }: StreamSessionOptions,
): Promise<void> {
  for await (const { stream, data } of streams.output) {
    if (!(stream === 'stdout' ? stdout : stderr)) continue;
    if (!connection.write(isRaw ? data : framed(stream, data))) await drained(connection);
  }
}

/** The frame, made where the packet lies: the bytes in front of it are there for the header. */
function framed(stream: 'stdout' | 'stderr', data: Buffer): Buffer {
  const frame = Buffer.from(data.buffer, data.byteOffset - OUTPUT_HEADROOM, OUTPUT_HEADROOM + data.length);
  writeFrameHeader(frame, stream, data.length);
  return frame;
}

/** @returns whether the client typed the detach keys. */
async function pumpInput(
  streams: AttachedStreams,
  connection: Duplex,
  { stdin, isRaw, detachKeys }: StreamSessionOptions,
): Promise<boolean> {
  if (!stdin) {
    connection.resume(); // read on, so that the client's leaving is seen
    return false;
  }
  const detector = isRaw ? new DetachDetector(detachKeys) : undefined;
  for await (const chunk of connection.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a connection yields buffers');
    const { pass, isDetached } = detector?.feed(chunk) ?? { pass: chunk, isDetached: false };
    if (pass.length > 0 && !streams.input.write(pass)) await drained(streams.input);
    if (isDetached) return true;
  }
  streams.input.end();
  return false;
}

/** Waits until the stream takes more. @throws when it is closed first. */
async function drained(stream: Duplex): Promise<void> {
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  stream.once('close', onClose);
  try {
    await once(stream, 'drain', { signal: gone.signal });
  } finally {
    stream.off('close', onClose);
  }
}
