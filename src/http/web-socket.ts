import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type Duplex, PassThrough, Writable } from 'node:stream';
import { joinStreams } from './join-streams.ts';
import { WebSocketDecoder } from './web-socket-decoder.ts';

/** RFC 6455, section 1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const BINARY = 0x2;
const CLOSE = 0x8;
const PONG = 0xa;
const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;

/** The value of `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`. */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}

export interface WebSocketStream {
  /** reading yields what the client's data messages hold; each write goes out as one binary message */
  readonly stream: Duplex;
  /** Says goodbye. The connection itself stays for its owner to close. */
  close(): Promise<void>;
}

/** The server's side of an RFC 6455 connection after the handshake. Messages carry a byte stream: their bounds mean nothing. */
export function webSocketStream(socket: Duplex): WebSocketStream {
  const incoming = new PassThrough();
  const outgoing = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      socket.cork();
      socket.write(frameHead(BINARY, chunk.length));
      const isRoomy = socket.write(chunk);
      socket.uncork();
      if (isRoomy || socket.destroyed) done();
      else void whenRoomy(socket).then(() => done());
    },
  });
  let isClosing = false;
  const sayGoodbye = (code: number): void => {
    if (isClosing || !socket.writable) return;
    isClosing = true;
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    socket.write(Buffer.concat([frameHead(CLOSE, payload.length), payload]));
  };
  void receive(socket, incoming, sayGoodbye);
  const stream = joinStreams(incoming, outgoing);
  return {
    stream,
    close: async () => {
      if (outgoing.writableLength > 0) await once(outgoing, 'drain');
      sayGoodbye(NORMAL_CLOSURE);
    },
  };
}

async function receive(
  socket: Duplex,
  incoming: PassThrough,
  sayGoodbye: (code: number) => void,
): Promise<void> {
  const decoder = new WebSocketDecoder();
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const event of decoder.push(chunk)) {
        if (event.type === 'data' && !incoming.write(event.data)) await whenRoomy(incoming);
        else if (event.type === 'ping') await answerPing(socket, event.data);
        else if (event.type === 'close') return sayGoodbye(NORMAL_CLOSURE);
      }
    }
  } catch {
    sayGoodbye(PROTOCOL_ERROR); // a broken connection cannot be told anything, and then this does nothing
  } finally {
    incoming.end();
  }
}

/** A client that sends pings and reads no answers is not read from any more. */
async function answerPing(socket: Duplex, data: Buffer): Promise<void> {
  const isRoomy = socket.write(Buffer.concat([frameHead(PONG, data.length), data]));
  if (!isRoomy && !socket.destroyed) await whenRoomy(socket);
}

/** Resolves when `stream` takes more, or takes nothing any more. */
async function whenRoomy(stream: Writable | Duplex): Promise<void> {
  const abort = new AbortController();
  const options = { signal: abort.signal };
  await Promise.race([once(stream, 'drain', options), once(stream, 'close', options)]).catch(() => undefined);
  abort.abort();
}

/** Server frames are never masked and never fragmented here. */
function frameHead(opcode: number, length: number): Buffer {
  const first = 0x80 | opcode;
  if (length < 126) return Buffer.from([first, length]);
  if (length < 65_536) {
    const head = Buffer.from([first, 126, 0, 0]);
    head.writeUInt16BE(length, 2);
    return head;
  }
  const head = Buffer.alloc(10);
  head[0] = first;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}
