import type { Socket } from 'node:net';
import { EngineError } from '#base/errors';
import { adopt } from '#sys/adopted-socket';
import type { OwnedFd } from '#sys/descriptors';
import { createInputStream } from './input-stream.ts';
import { PacketQueue } from './packet-queue.ts';
import type { AttachedStreams } from './process-runtime.ts';
import { StallWatch } from './stall-watch.ts';

/** conmon sends at most 8 KiB (its `STDIO_BUF_SIZE`) and a stream number; newer ones may send 32 KiB. */
const MAX_PACKET_BYTES = 32 * 1024 + 1;

export interface StreamEvents {
  /** Whether the process is there; asked while the client does not read. */
  readonly isAlive: () => boolean;
  /** Called once, with whether conmon ended the connection. */
  readonly onLeave?: (hasEnded: boolean) => void;
}

/** The streams of a process over a connection to its conmon. */
export function openStreams(connection: OwnedFd, { isAlive, onLeave }: StreamEvents): AttachedStreams {
  const queue = new PacketQueue(MAX_PACKET_BYTES);
  let hasEnded = false;
  const leave = (): void => void socket.destroy();
  const stall = new StallWatch({ isAlive, onDead: leave });
  const socket: Socket = adopt(connection, {
    buffer: () => queue.reserve(),
    onPacket: (length, buffer) => {
      if (length === buffer.length) {
        queue.end(new EngineError('dataLoss', `conmon sent a packet of more than ${length - 1} bytes`));
        leave();
        return false;
      }
      const hasRoom = queue.push(length);
      if (!hasRoom) stall.start();
      return hasRoom;
    },
  });
  const input = createInputStream(socket);
  queue.setSource({
    resume: () => {
      stall.stop();
      socket.resume();
    },
    destroy: leave,
  });
  socket.once('end', () => {
    hasEnded = true;
    leave();
  });
  // conmon went away with something of ours unread: for the reader that is the end like any other.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    stall.stop();
    queue.end();
    input.destroy();
    onLeave?.(hasEnded);
  });
  return { output: queue, input, [Symbol.dispose]: leave };
}
