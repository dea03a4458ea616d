import { closeSync, constants, openSync } from 'node:fs';

/** Directories that were opened together. */
export interface DirectoryHandles extends Disposable {
  readonly fds: readonly number[];
}

/** Opens all of them, or none: in one step, with nothing of ours in between. */
export function openDirectories(paths: Iterable<string>): DirectoryHandles {
  const fds: number[] = [];
  const close = (): void => {
    for (const fd of fds.splice(0)) closeSync(fd);
  };
  try {
    for (const path of paths) fds.push(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
    return { fds, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}
