import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { runTool } from '#sys/run-tool';
import type { Host } from './host.ts';

/** The machine this process runs on. */
export const linuxHost: Host = {
  isRoot: process.getuid?.() === 0,
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
  exists: path => existsSync(path),
  list(path) {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  },
  freeBytes(path) {
    try {
      const { bavail, bsize } = statfsSync(nearest(path));
      return bavail * bsize;
    } catch {
      return undefined;
    }
  },
  run: (program, args) => runTool(program, args, { timeoutMs: 5000 }),
};

/** The path itself, or the closest folder above it that exists. */
function nearest(path: string): string {
  return existsSync(path) || path === '/' ? path : nearest(dirname(path));
}
