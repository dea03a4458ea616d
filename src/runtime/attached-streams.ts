import { readSync } from 'node:fs';
import { EngineError } from '#base/errors';
import { adopt } from '#sys/adopted-socket';
import { dupAbove, OwnedFd } from '#sys/descriptors';
import { isErrno } from '#sys/sys-error';
import { createInputStream } from './input-stream.ts';
import { OutputQueue } from './output-queue.ts';
import type { AttachedStreams } from './process-runtime.ts';
import { StallWatch } from './stall-watch.ts';

/** conmon sends at most 8 KiB (its `STDIO_BUF_SIZE`) and a stream number; newer ones may send 32 KiB. */
const MAX_PACKET_BYTES = 32 * 1024 + 1;
/** conmon's stream numbers (`stdpipe_t` in its utils.h), the first byte of each packet */
const STDERR_PIPE = 3;
/** Where every packet is read into, one at a time: what is in it is taken out before anything else is read. */
const packetMemory = Buffer.allocUnsafeSlow(MAX_PACKET_BYTES);

export interface StreamEvents {
  /** Whether the process is there; asked while the client does not read. */
  readonly isAlive: () => boolean;
  /** Called once, with whether conmon ended the connection: otherwise the client has. */
  readonly onLeave?: (hasEnded: boolean) => void;
}

/** The streams of a process over a connection to its conmon. */
export function openStreams(connection: OwnedFd, { isAlive, onLeave }: StreamEvents): AttachedStreams {
  const queue = new OutputQueue();
  const spare = new OwnedFd(dupAbove(connection.number, 0));
  let hasLeft = false;
  const leave = (): void => {
    hasLeft = true;
    socket.destroy();
  };
  const stall = new StallWatch({ isAlive, onDead: leave });
  const socket = adopt(connection, {
    memory: packetMemory,
    onPacket: length => {
      const hasRoom = take(queue, length);
      if (!hasRoom) stall.start();
      return hasRoom;
    },
  });
  const input = createInputStream(() => adopt(new OwnedFd(dupAbove(spare.number, 0)), 'none'));
  queue.setSource({
    resume: () => {
      stall.stop();
      socket.resume();
    },
    destroy: leave,
  });
  socket.once('end', () => socket.destroy());
  socket.on('error', () => undefined);
  socket.once('close', () => {
    stall.stop();
    if (!hasLeft) readRest(spare.number, queue);
    spare[Symbol.dispose]();
    queue.end();
    input.destroy();
    onLeave?.(!hasLeft);
  });
  return { output: queue, input, [Symbol.dispose]: leave };
}

/** @returns whether there is room for more. */
function take(queue: OutputQueue, length: number): boolean {
  if (length < MAX_PACKET_BYTES) {
    const stream = packetMemory[0] === STDERR_PIPE ? 'stderr' : 'stdout';
    return queue.add(stream, packetMemory.subarray(1, length));
  }
  queue.end(new EngineError('dataLoss', `conmon sent a packet of more than ${MAX_PACKET_BYTES - 1} bytes`));
  return false;
}

/**
 * Reads what is left after conmon has closed the connection. When it left input unread, reading fails once with
 * ECONNRESET, before what is queued (the kernel's __skb_try_recv_datagram), and that is when Node gives up. Old
 * versions of libuv also take a hang-up after a read that did not fill the buffer for the end of all data.
 */
function readRest(fd: number, queue: OutputQueue): void {
  for (let resets = 0; resets < 2; ) {
    try {
      const length = readSync(fd, packetMemory);
      if (length === 0) return;
      take(queue, length);
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) return;
      if (!isErrno(error, 'ECONNRESET')) throw error;
      resets += 1;
    }
  }
}
