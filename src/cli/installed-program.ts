import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { Env } from './env.ts';

/** Whether a program of this name can be run. */
export function hasProgram(name: string, { PATH = '' }: Env): boolean {
  return PATH.split(':').some(folder => {
    if (!folder) return false;
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
