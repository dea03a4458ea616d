import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Takes a connection away from `node:http` without an `Upgrade`, as the first Docker clients expected and some still do
 * (Go calls it hijacking). What the client sends from now on stays unread on the socket.
 *
 * To be called once the body has been read, and before the head of the answer goes out, which such clients wait for:
 * until then the parser would take anything more for the next request. There is no public way to do this; it is what
 * `node:http` itself does for an upgrade (lib/_http_server.js, `onParserExecuteCommon`).
 */
export function detachSocket(request: IncomingMessage, response: ServerResponse): Socket {
  const { socket } = request;
  response.detachSocket(socket);
  // Asking for 'readable' makes the server stop feeding its parser straight from the kernel.
  const nothing = (): void => undefined;
  socket.on('readable', nothing);
  socket.removeListener('readable', nothing);
  for (const event of ['data', 'end', 'close', 'drain', 'timeout', 'error']) socket.removeAllListeners(event);
  (socket as Socket & { parser?: unknown }).parser = null; // set by node:http, not in its types
  socket.setTimeout(0);
  return socket;
}
