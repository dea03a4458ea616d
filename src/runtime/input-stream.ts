import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** conmon reads input in packets of at most 32 KiB; the pipe behind it takes 64 KiB at once, and this much atomically. */
const MAX_PACKET_BYTES = 8 * 1024;

/**
 * The way into a process's stdin: cuts what is written into packets, one at a time, because conmon cuts off what
 * is longer, and takes an empty packet for the end of input.
 */
export function createInputStream(socket: Socket): Duplex {
  return new Duplex({
    allowHalfOpen: true,
    read(): void {
      this.push(null); // output does not come this way
    },
    write(chunk: Buffer, _encoding, done): void {
      writePackets(socket, chunk, done);
    },
    final(done): void {
      if (socket.destroyed || socket.writableEnded) done();
      else socket.end(() => done());
    },
  });
}

function writePackets(socket: Socket, chunk: Buffer, done: (error?: Error | null) => void): void {
  if (chunk.length === 0 || socket.destroyed) {
    done();
    return;
  }
  socket.write(chunk.subarray(0, MAX_PACKET_BYTES), error => {
    // The process closed its input or is gone: not the writer's fault, and nothing it can do about.
    if (error) done();
    else writePackets(socket, chunk.subarray(MAX_PACKET_BYTES), done);
  });
}
