import type { Duplex } from 'node:stream';
import { type Abortable, throwIfAborted } from '#base/abortable';
import { messageOf } from '#base/errors';
import type { ClientSession } from '#container/container-service';
import type { TakeoverReply } from '#http/reply';
import type { ApiMinor } from './api-version.ts';
import { RAW_STREAM, streamType } from './stream-type.ts';

const STDOUT = 1;

/**
 * Hands the connection to a session of an attach or exec. What goes wrong once the head is out reaches the client the
 * only way that is left, and Docker's: as a line of output.
 */
export function sessionReply(session: ClientSession, version: ApiMinor): TakeoverReply {
  return {
    type: 'takeover',
    upgradedHeaders: { 'Content-Type': streamType(session.isRaw, version) },
    plainHeaders: { 'Content-Type': RAW_STREAM },
    run: async (connection, options) => {
      try {
        await session.run(connection, options);
      } catch (error) {
        throwIfAborted(options.signal);
        tell(connection, messageOf(error), session.isRaw);
      }
    },
  };
}

/** The same for a caller that waits for nothing. */
export async function runDetached(session: ClientSession, options: Abortable): Promise<void> {
  await session.run(undefined, options);
}

function tell(connection: Duplex, message: string, isRaw: boolean): void {
  if (!connection.writable) return;
  const text = Buffer.from(`${message}\r\n`);
  if (!isRaw) {
    const head = Buffer.alloc(8);
    head.writeUInt8(STDOUT, 0);
    head.writeUInt32BE(text.length, 4);
    connection.write(head);
  }
  connection.write(text);
}
