import { closeSync, copyFileSync, openSync, readSync, writeSync } from 'node:fs';
import { type OpaqueMarks, renameOpaqueMarks } from '#spec/erofs/opaque-marks';

export interface RenameOpaqueInput {
  /** an image of EROFS, changed where it is */
  readonly file: string;
  /** It is made as a copy of this one before. */
  readonly copyOf?: string;
  readonly from: OpaqueMarks;
  readonly to: OpaqueMarks;
}

/** Makes opaque directories of an image ones that everybody may see, or the other way round. @returns how many there are. */
export function renameOpaque({ file, copyOf, from, to }: RenameOpaqueInput): number {
  if (copyOf !== undefined) copyFileSync(copyOf, file);
  const fd = openSync(file, 'r+');
  try {
    return renameOpaqueMarks(
      {
        read: (offset, length) => {
          const bytes = Buffer.alloc(length);
          return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
        },
        write: (offset, bytes) => void writeSync(fd, bytes, 0, bytes.length, offset),
      },
      { from, to },
    );
  } finally {
    closeSync(fd);
  }
}
