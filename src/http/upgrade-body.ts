import type { IncomingMessage } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import { EngineError } from '#base/errors';

/**
 * The body of a request that also asks for an upgrade, as Docker's clients send to start an exec. Node itself parses
 * it since 24.10 or so; before that, it is the first `Content-Length` bytes of what follows the head, and `isByHand` says so.
 */
export function bodyOfUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  isByHand: boolean,
): Readable {
  if (!isByHand) {
    if (head.length > 0) socket.unshift(head);
    return request;
  }
  return Readable.from(firstBytes(request, socket, head));
}

async function* firstBytes(request: IncomingMessage, socket: Duplex, head: Buffer): AsyncGenerator<Buffer> {
  if (request.headers['transfer-encoding'] !== undefined) {
    throw new EngineError('invalid', 'a request for an upgrade must give the length of its body');
  }
  let missing = Number(request.headers['content-length']);
  if (head.length > 0) socket.unshift(head);
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, missing);
    missing -= part.length;
    if (missing === 0) socket.unshift(chunk.subarray(part.length));
    yield part;
    if (missing === 0) return;
  }
  throw new EngineError('invalid', 'invalid JSON: unexpected EOF');
}
