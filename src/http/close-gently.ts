import type { Duplex } from 'node:stream';

/** How long a client may take to close its side. */
const LINGER_MS = 2000;

/**
 * Ends our side and waits a moment for the client to end its own. Closing at once, with something of the client's
 * still unread, would make the kernel tell the client of an error instead of the end.
 */
export async function closeGently(socket: Duplex): Promise<void> {
  if (socket.destroyed) return;
  const closed = Promise.withResolvers<void>();
  socket.once('close', closed.resolve);
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  await closed.promise;
  clearTimeout(timer);
}
