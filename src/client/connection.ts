import type { NetConnectOpts, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { codeOf } from '#base/errors';
import { LostConnectionError } from './api-error.ts';
import { ChunkedDecoder } from './chunked-decoder.ts';
import { type BodyFraming, parseReplyHead, type ReplyHead } from './http-message.ts';

/** A whole namespace import of `node:net` is not needed, and costs a millisecond. */
const net = process.getBuiltinModule('node:net');

const HEAD_END = '\r\n\r\n';
const MOST_HEAD_BYTES = 256 * 1024;

/** One connection to an engine: bytes with a place to put back what was read too far. */
export class Connection {
  readonly socket: Socket;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(target: NetConnectOpts) {
    this.socket = net.connect(target);
    this.socket.setNoDelay(true);
    this.#chunks = this.socket.iterator({ destroyOnReturn: false });
  }

  /** The next bytes, or `undefined` at the end. @throws the error that ended the connection. */
  async read(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest) return rest;
    try {
      const { done, value } = await this.#chunks.next();
      return done ? undefined : value;
    } catch (cause) {
      if (!['ECONNRESET', 'EPIPE'].includes(codeOf(cause) ?? '')) throw cause;
      throw new LostConnectionError('the connection to the engine was lost', { cause });
    }
  }

  /** The bytes are read again with the next {@link read}. */
  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#rest = bytes;
  }

  async readHead(): Promise<ReplyHead> {
    let bytes: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await this.read();
      if (!chunk) throw new LostConnectionError('the engine closed the connection');
      bytes =
        bytes.length > 0
          ? Buffer.concat([bytes, chunk])
          : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const end = bytes.indexOf(HEAD_END);
      if (end !== -1) {
        this.unread(bytes.subarray(end + HEAD_END.length));
        return parseReplyHead(bytes.toString('latin1', 0, end));
      }
      if (bytes.length > MOST_HEAD_BYTES) throw new Error('the engine sent more headers than is reasonable');
    }
  }

  /** The body of an answer. When it was read to its end, `release` gets the connection back; else it is dropped. */
  async *body(framing: BodyFraming, release: () => void): AsyncGenerator<Uint8Array> {
    let isComplete = false;
    try {
      if (framing.kind === 'length') yield* this.#ofLength(framing.bytes);
      else if (framing.kind === 'chunked') yield* this.#inChunks();
      else if (framing.kind === 'untilClose') yield* this.rest();
      isComplete = framing.kind !== 'untilClose';
    } finally {
      if (isComplete) release();
      else this.socket.destroy();
    }
  }

  /** Everything up to the end of the connection. */
  async *rest(): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.read(); chunk; chunk = await this.read()) yield chunk;
  }

  /** Sends a stream in chunks of its own. */
  async send(body: Readable): Promise<void> {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      // no encoding is set, so buffers
      if (chunk.length === 0) continue;
      this.socket.write(`${chunk.length.toString(16)}\r\n`);
      this.socket.write(chunk);
      if (!this.socket.write('\r\n')) await drained(this.socket);
    }
    this.socket.write('0\r\n\r\n');
  }

  async *#ofLength(bytes: number): AsyncGenerator<Uint8Array> {
    let missing = bytes;
    while (missing > 0) {
      const chunk = (await this.read()) ?? cutShort();
      if (chunk.length > missing) this.unread(chunk.subarray(missing));
      const part = chunk.subarray(0, missing);
      missing -= part.length;
      yield part;
    }
  }

  async *#inChunks(): AsyncGenerator<Uint8Array> {
    const decoder = new ChunkedDecoder();
    while (!decoder.isDone) {
      const chunk = (await this.read()) ?? cutShort();
      const end = chunk.length;
      const { data, used } = decoder.push(chunk);
      if (used < end) this.unread(chunk.subarray(used));
      if (data.length > 0) yield data;
    }
  }
}

function cutShort(): never {
  throw new LostConnectionError('the engine cut its answer short');
}

async function drained(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('drain', resolve);
  socket.once('close', resolve);
  await promise;
  socket.off('drain', resolve);
  socket.off('close', resolve);
}
