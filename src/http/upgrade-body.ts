import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { EngineError } from '#base/errors';

/**
 * The body of a request that also asks for an upgrade, as Docker's clients send to start an exec. Node 26 parses it;
 * up to 24 it is the first `Content-Length` bytes of what follows the head, and has to be taken from there.
 */
export function bodyOfUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Readable {
  if (head.length > 0) socket.unshift(head);
  const isUnparsed = socket instanceof Socket && hasBody(request) && request.readableLength === 0;
  return isUnparsed ? Readable.from(firstBytes(request, socket)) : request;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

async function* firstBytes(request: IncomingMessage, socket: Duplex): AsyncGenerator<Buffer> {
  if (request.headers['transfer-encoding'] !== undefined) {
    throw new EngineError('invalid', 'a request for an upgrade must give the length of its body');
  }
  let missing = Number(request.headers['content-length']);
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, missing);
    missing -= part.length;
    if (missing === 0) socket.unshift(chunk.subarray(part.length));
    yield part;
    if (missing === 0) return;
  }
  throw new EngineError('invalid', 'invalid JSON: unexpected EOF');
}
