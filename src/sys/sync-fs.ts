import { closeSync, openSync } from 'node:fs';
import { check, declare } from './libc.ts';

const cSyncfs = declare('int syncfs(int fd)');

/** Waits until everything on the file system of `path` is on its disk (syncfs(2)). Takes as long as that takes. */
export function syncFileSystem(path: string): void {
  const fd = openSync(path, 'r');
  try {
    check('syncfs', cSyncfs(fd), path);
  } finally {
    closeSync(fd);
  }
}
