import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { OwnedFd } from '#sys/descriptors';

/** conmon reads input in packets of at most 32 KiB; the pipe behind it takes 64 KiB at once, and this much atomically. */
const MAX_PACKET_BYTES = 8 * 1024;

/**
 * The way into a process's stdin: cuts what is written into packets, one at a time, because conmon cuts off what
 * is longer, and takes an empty packet for the end of input.
 *
 * @param connect makes the socket that is written to, when something is. It has to be one of its own: a process that
 *   ends without reading its input breaks it, and what that process wrote is still to be read then.
 */
export function createInputStream(connect: () => Socket): Duplex {
  let socket: Socket | undefined;
  const connected = (): Socket => {
    // The process closed its input or is gone: not the writer's fault, and nothing it can do about.
    socket ??= connect().on('error', () => undefined);
    return socket;
  };
  return new Duplex({
    allowHalfOpen: true,
    read(): void {
      this.push(null); // output does not come this way
    },
    write(chunk: Buffer, _encoding, done): void {
      writePackets(connected(), chunk, () => done());
    },
    final(done): void {
      const ending = connected();
      if (ending.destroyed) done();
      else ending.end(() => done());
    },
    destroy(error, done): void {
      socket?.destroy();
      done(error);
    },
  });
}

function writePackets(socket: Socket, chunk: Buffer, done: () => void): void {
  if (chunk.length === 0 || socket.destroyed) {
    done();
    return;
  }
  socket.write(chunk.subarray(0, MAX_PACKET_BYTES), error => {
    if (error) done();
    else writePackets(socket, chunk.subarray(MAX_PACKET_BYTES), done);
  });
}

/** The way into a process's stdin over a pipe of ours; without one, what is written is dropped. */
export function createPipeInput(pipe: OwnedFd | undefined): Duplex {
  // The process closed its input or is gone: not the writer's fault, and nothing it can do about.
  const socket =
    pipe && new Socket({ fd: pipe.take(), readable: false, writable: true }).on('error', () => undefined);
  return new Duplex({
    allowHalfOpen: true,
    read(): void {
      this.push(null); // output does not come this way
    },
    write(chunk: Buffer, _encoding, done): void {
      if (!socket || socket.destroyed) done();
      else socket.write(chunk, () => done());
    },
    final(done): void {
      if (!socket || socket.destroyed) done();
      else socket.end(() => done());
    },
    destroy(error, done): void {
      socket?.destroy();
      done(error);
    },
  });
}
