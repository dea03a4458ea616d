import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { sleep } from '#base/abortable';
import { EngineError } from '#base/errors';
import { adopt } from '#sys/adopted-socket';
import { dupAbove, type OwnedFd } from '#sys/descriptors';
import { connectSeqpacket, refuseOutput } from '#sys/seqpacket';
import { isErrno } from '#sys/sys-error';
import { hasWaitingClients } from '#sys/unix-sockets';
import { createInputStream } from './input-stream.ts';
import { PacketQueue } from './packet-queue.ts';
import type { AttachedStreams } from './process-runtime.ts';

const ATTACH_SOCKET = 'attach';
const ACCEPT_TIMEOUT_MS = 200;
/** conmon sends at most 8 KiB (its `STDIO_BUF_SIZE`) and a stream number; newer ones may send 32 KiB. */
const MAX_PACKET_BYTES = 32 * 1024 + 1;

/**
 * Connects to the attach socket in a bundle.
 *
 * @throws {EngineError} `conflict` when no conmon serves it, `unavailable` when it takes no more clients for now.
 */
export function connectAttach(bundle: string): OwnedFd {
  try {
    return connectSeqpacket(join(bundle, ATTACH_SOCKET));
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) {
      throw new EngineError('unavailable', 'too many clients are waiting to attach', { cause: error });
    }
    throw new EngineError('conflict', 'cannot attach: the process is not running', { cause: error });
  }
}

/**
 * Waits until conmon has accepted all clients. It accepts one in each turn of its loop, and reads output in the same
 * turn: of several that wait when a process starts, only the first is sure to get the first output.
 *
 * Gives up after a fifth of a second: any conmon on the host may be one that accepts nobody for long.
 */
export async function clientsAccepted(): Promise<void> {
  const deadline = Date.now() + ACCEPT_TIMEOUT_MS;
  while (hasWaitingClients(ATTACH_SOCKET) && Date.now() < deadline) await sleep(1);
}

/** The streams over a connection from {@link connectAttach}. `onLeave` is called once, with whether the process ended first. */
export function openStreams(
  connection: OwnedFd,
  onLeave: (hasEnded: boolean) => void = () => undefined,
): AttachedStreams {
  const queue = new PacketQueue(MAX_PACKET_BYTES);
  let hasEnded = false;
  const socket: Socket = adopt(connection, {
    buffer: () => queue.reserve(),
    onPacket: (length, buffer) => {
      if (length < buffer.length) return queue.push(length);
      queue.end(new EngineError('dataLoss', `conmon sent a packet of more than ${buffer.length - 1} bytes`));
      socket.destroy();
      return false;
    },
  });
  const input = createInputStream(socket);
  queue.setSource({ resume: () => socket.resume(), destroy: () => socket.destroy() });
  socket.once('end', () => {
    hasEnded = true;
    socket.destroy();
  });
  // conmon went away with something of ours unread: for the reader that is the end like any other.
  socket.on('error', () => undefined);
  socket.once('close', () => {
    queue.end();
    input.destroy();
    onLeave(hasEnded);
  });
  return { output: queue, input, [Symbol.dispose]: () => socket.destroy() };
}

/**
 * Connections of clients without input that have left. Closing one would make conmon close the stdin of a process
 * with `closesStdin`, so it stays half open, refusing output, until the process has ended.
 */
export class ParkedConnections {
  readonly #fds = new Map<string, number[]>();

  /** Streams that are parked when they are left. */
  openStreams(bundle: string, connection: OwnedFd): AttachedStreams {
    const copy = dupAbove(connection.number, 0);
    return openStreams(connection, hasEnded => {
      if (hasEnded) closeSync(copy);
      else this.#park(bundle, copy);
    });
  }

  release(bundle: string): void {
    for (const fd of this.#fds.get(bundle) ?? []) closeSync(fd);
    this.#fds.delete(bundle);
  }

  #park(bundle: string, fd: number): void {
    refuseOutput(fd);
    this.#fds.set(bundle, [...(this.#fds.get(bundle) ?? []), fd]);
  }
}
