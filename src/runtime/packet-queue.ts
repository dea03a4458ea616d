import { OUTPUT_HEADROOM, type OutputPacket } from './process-runtime.ts';

/** More queued bytes than this, and the source is asked to pause; it resumes below half of it. */
const HIGH_WATER_BYTES = 256 * 1024;
const SLAB_BYTES = 256 * 1024;
/** conmon's stream numbers (`stdpipe_t` in its utils.h), the first byte of each packet */
const STDERR_PIPE = 3;

/** Who fills the queue. */
export interface PacketSource {
  resume(): void;
  destroy(): void;
}

/**
 * Packets between the socket, which reads into memory of this queue, and one reader. The reader sets the pace:
 * a full queue pauses the source.
 *
 * Packets are carved out of large slabs, each with {@link OUTPUT_HEADROOM} bytes in front, of which conmon's
 * stream number takes the last one while it is read.
 */
export class PacketQueue implements AsyncIterable<OutputPacket> {
  readonly #packets: OutputPacket[] = [];
  readonly #packetBytes: number;
  #slab = Buffer.alloc(0);
  #offset = 0;
  #queuedBytes = 0;
  #isPaused = false;
  #isEnded = false;
  #failure: Error | undefined;
  #source: PacketSource | undefined;
  #reader: PromiseWithResolvers<IteratorResult<OutputPacket>> | undefined;

  /** @param packetBytes size of the largest packet, with its stream number. */
  constructor(packetBytes: number) {
    this.#packetBytes = packetBytes;
  }

  setSource(source: PacketSource): void {
    this.#source = source;
  }

  /** Memory for the next packet. */
  reserve(): Buffer {
    const start = this.#offset + OUTPUT_HEADROOM - 1;
    if (start + this.#packetBytes <= this.#slab.length) {
      return this.#slab.subarray(start, start + this.#packetBytes);
    }
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, OUTPUT_HEADROOM + this.#packetBytes));
    this.#offset = 0;
    return this.reserve();
  }

  /** Takes the packet that was read into the reserved memory. @returns whether there is room for more. */
  push(length: number): boolean {
    const start = this.#offset + OUTPUT_HEADROOM;
    const data = this.#slab.subarray(start, start + length - 1);
    const stream = this.#slab[start - 1] === STDERR_PIPE ? 'stderr' : 'stdout';
    this.#offset = start + length - 1;
    const packet: OutputPacket = { stream, data };
    if (this.#reader) {
      this.#reader.resolve({ done: false, value: packet });
      this.#reader = undefined;
      return true;
    }
    this.#packets.push(packet);
    this.#queuedBytes += data.length;
    this.#isPaused = this.#queuedBytes >= HIGH_WATER_BYTES;
    return !this.#isPaused;
  }

  /** No packet will follow; with an error, the reader gets that after the packets that are queued. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = error;
    if (!this.#reader) return;
    if (error) this.#reader.reject(error);
    else this.#reader.resolve({ done: true, value: undefined });
    this.#reader = undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<OutputPacket, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.#source?.destroy();
        this.end();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #next(): Promise<IteratorResult<OutputPacket, undefined>> {
    const packet = this.#packets.shift();
    if (packet) {
      this.#queuedBytes -= packet.data.length;
      if (this.#isPaused && this.#queuedBytes <= HIGH_WATER_BYTES / 2) {
        this.#isPaused = false;
        this.#source?.resume();
      }
      return Promise.resolve({ done: false, value: packet });
    }
    if (this.#failure) return Promise.reject(this.#failure);
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }
}
