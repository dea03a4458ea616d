import { readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { OwnedFd } from '#sys/descriptors';
import { isErrno } from '#sys/sys-error';
import { createPipeInput } from './input-stream.ts';
import { OutputQueue } from './output-queue.ts';
import type { AttachedStreams, OutputPacket } from './process-runtime.ts';

/** Where all pipes are read into, one at a time: what is in it is taken out before anything else is read. */
const memory = Buffer.allocUnsafeSlow(64 * 1024);
/** What a pipe holds at most, unless root has raised `fs.pipe-max-size`. */
const MOST_LEFT_BYTES = 1024 * 1024;
/** Output that nobody reads any more is dropped at this pace, so that a process that writes without end costs little. */
const DROP_BYTES = 256 * 1024;
const DROP_PAUSE_MS = 10;

export interface DirectPipes {
  readonly stdout: OwnedFd;
  readonly stderr: OwnedFd;
  /** absent: the process has no input */
  readonly stdin?: OwnedFd;
}

/**
 * The streams of a process over pipes of ours. When they are disposed, its input ends, and its output is read on and
 * dropped until {@link end}: the process must not die of a client that left.
 */
export class DirectStreams implements AttachedStreams {
  readonly input: Duplex;
  readonly #queue = new OutputQueue();
  readonly #pipes: readonly OutputPipe[];

  constructor({ stdout, stderr, stdin }: DirectPipes) {
    this.input = createPipeInput(stdin);
    this.#pipes = [
      new OutputPipe(stdout, bytes => this.#queue.add('stdout', bytes)),
      new OutputPipe(stderr, bytes => this.#queue.add('stderr', bytes)),
    ];
    this.#queue.setSource({
      resume: () => this.#pipes.forEach(pipe => pipe.resume()),
      destroy: () => this[Symbol.dispose](),
    });
  }

  get output(): AsyncIterable<OutputPacket> {
    return this.#queue;
  }

  /** The process has ended: takes what it left in the pipes. What its children still write is nobody's. */
  end(): void {
    for (const pipe of this.#pipes) pipe.end();
    this.input.destroy();
    this.#queue.end();
  }

  [Symbol.dispose](): void {
    this.input.destroy();
    for (const pipe of this.#pipes) pipe.drop();
  }
}

/** One pipe that is read as long as `take` has room, or dropped. */
class OutputPipe {
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #take: (bytes: Buffer) => boolean;
  #isDropping = false;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fd: OwnedFd, take: (bytes: Buffer) => boolean) {
    this.#take = take;
    this.#fd = fd.take();
    this.#socket = new Socket({
      fd: this.#fd,
      readable: true,
      writable: false,
      onread: { buffer: memory, callback: length => this.#onRead(length) },
    });
    this.#socket.on('error', () => undefined);
    this.#socket.resume();
  }

  resume(): void {
    if (!this.#isDropping) this.#socket.resume();
  }

  drop(): void {
    this.#isDropping = true;
    this.#socket.resume();
  }

  end(): void {
    clearTimeout(this.#timer);
    if (!this.#isDropping && !this.#socket.destroyed) this.#readRest();
    this.#socket.destroy();
  }

  #onRead(length: number): boolean {
    if (!this.#isDropping) return this.#take(memory.subarray(0, length));
    this.#dropped += length;
    if (this.#dropped < DROP_BYTES) return true;
    this.#dropped = 0;
    this.#timer = setTimeout(() => this.#socket.resume(), DROP_PAUSE_MS);
    return false;
  }

  #readRest(): void {
    for (let left = MOST_LEFT_BYTES; left > 0; ) {
      const length = this.#readNow();
      if (length === 0) return;
      this.#take(memory.subarray(0, length));
      left -= length;
    }
  }

  /** @returns 0 at the end, or when nothing is there. */
  #readNow(): number {
    try {
      return readSync(this.#fd, memory);
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) return 0;
      throw error;
    }
  }
}

/** Reads a pipe of a process that outlived its engine, and drops what comes. Disposing leaves it to the next engine. */
export function dropOutput(fd: OwnedFd): Disposable {
  const pipe = new OutputPipe(fd, () => true);
  pipe.drop();
  return { [Symbol.dispose]: () => pipe.end() };
}
