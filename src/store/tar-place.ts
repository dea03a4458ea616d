import { closeSync, openSync, readSync } from 'node:fs';
import { EngineError } from '#base/errors';
import { beneath } from './layer-packer.ts';
import { rebuildTar } from './tar-frame.ts';

/** Where the tar of a layer can be read: a file that begins with it, or a packed layer that it can be made of. */
export type TarPlace = { readonly tar: string } | { readonly frame: string; readonly root: string };

const READ_BYTES = 256 * 1024;

/** The tar. A chunk is valid until the next is asked for. @throws {EngineError} `dataLoss` when there is less. */
export async function* tarBytesOf(place: TarPlace, tarBytes: number): AsyncGenerator<Buffer> {
  if ('frame' in place) return yield* rebuildTar(place.frame, beneath(place.root));
  const fd = openSync(place.tar, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let position = 0; position < tarBytes; ) {
      const length = readSync(fd, buffer, 0, Math.min(buffer.length, tarBytes - position), position);
      if (length === 0)
        throw new EngineError('dataLoss', `the tar of a layer is shorter than it was: ${place.tar}`);
      yield buffer.subarray(0, length);
      position += length;
    }
  } finally {
    closeSync(fd);
  }
}
