import { closeSync, constants, openSync, read, writeSync } from 'node:fs';
import { check, declare } from '#sys/libc';

const ioctl = declare('int ioctl(int fd, unsigned long request, void *argument)');
/** linux/if_tun.h */
const TUNSETIFF = 0x400454ca;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;
const FRAME_BYTES = 65_536;

/** An interface whose frames go to and come from this process; it is gone when the process is. */
export class TapDevice {
  readonly #fd: number;

  constructor(name: string, onFrame: (frame: Buffer) => void) {
    this.#fd = openSync('/dev/net/tun', constants.O_RDWR);
    const request = Buffer.alloc(IFREQ_BYTES);
    request.write(name, 0, NAME_BYTES - 1);
    request.writeUInt16LE(IFF_TAP | IFF_NO_PI, NAME_BYTES);
    try {
      check('ioctl(TUNSETIFF)', ioctl(this.#fd, TUNSETIFF, request), name);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
    this.#readOn(onFrame);
  }

  write(frame: Buffer): void {
    try {
      writeSync(this.#fd, frame);
    } catch {
      // a frame may be lost, also while the interface is not up
    }
  }

  /** Waits in the pool; ends when somebody deletes the interface, which is how it is closed. */
  #readOn(onFrame: (frame: Buffer) => void): void {
    read(this.#fd, Buffer.alloc(FRAME_BYTES), 0, FRAME_BYTES, null, (error, count, buffer) => {
      if (error && error.code !== 'EAGAIN') return closeSync(this.#fd);
      if (!error) onFrame(Buffer.from(buffer.subarray(0, count)));
      this.#readOn(onFrame);
    });
  }
}
