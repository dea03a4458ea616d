import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Whether a file has exactly this content. Reads no more than that: somebody else may have made it as large as they like. */
export function fileHolds(path: string, content: string): boolean {
  const expected = Buffer.from(content);
  const actual = Buffer.alloc(expected.length + 1);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    let length = 0;
    for (let count = -1; count !== 0 && length < actual.length; length += count) {
      count = readSync(fd, actual, length, actual.length - length, length);
    }
    return actual.subarray(0, length).equals(expected);
  } finally {
    closeSync(fd);
  }
}
