import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Takes a connection away from `node:http` without an `Upgrade`, as clients of the first Docker versions expect
 * (Go calls it hijacking). Whatever follows the head of the request stays unread on the socket.
 *
 * Works only in the same turn as the `request` event, and only for a request without a body: later the parser may have
 * taken the client's next bytes for another request. There is no public way; this does what `node:http` itself does for
 * an upgrade (lib/_http_server.js, `onParserExecuteCommon`).
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
