import { readFileSync } from 'node:fs';
import { declare, declareAsync } from './libc.ts';

const cMadvise = declare('int madvise(uint64_t address, size_t length, int advice)');
const cMallocTrim = declare('int malloc_trim(size_t pad)');
const trimElsewhere = declareAsync('int malloc_trim(size_t pad)');
const MADV_DONTNEED = 4;

/**
 * Gives back what only the start needed: pages of the program's own code, most of which never runs again, and free
 * memory that the C library holds. Code that does run again is mapped again, from memory, when it does (madvise(2)).
 */
export function trimMemory(): void {
  for (const { start, length } of codeMappings(readFileSync('/proc/self/maps', 'utf8'), process.execPath)) {
    cMadvise(start, length, MADV_DONTNEED); // a refusal only means that nothing was given back
  }
  cMallocTrim(0);
}

/** Gives back free memory that the C library holds; on another thread, because there may be much to go through. */
export async function trimHeap(): Promise<void> {
  await trimElsewhere(0);
}

/** Executable, never writable, and backed by `file`: their content is the file's (proc_pid_maps(5)). */
export function codeMappings(
  maps: string,
  file: string,
): { readonly start: bigint; readonly length: bigint }[] {
  return maps.split('\n').flatMap(line => {
    const match = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+\s+(.*)$/.exec(line);
    if (match?.[3] !== file) return [];
    const start = BigInt(`0x${match[1]}`);
    return [{ start, length: BigInt(`0x${match[2]}`) - start }];
  });
}
