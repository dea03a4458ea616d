import { readFile } from 'node:fs/promises';
import { declareAsync } from './libc.ts';

const cMadvise = declareAsync('int madvise(uint64_t address, size_t length, int advice)');
const cMallocTrim = declareAsync('int malloc_trim(size_t pad)');
const MADV_DONTNEED = 4;

/**
 * Gives back what was needed for a while: pages of the program's own code, most of which never runs again, and free
 * memory that the C library holds. Code that does run again is mapped again, from memory, when it does (madvise(2)).
 * The work is done on another thread.
 */
export async function trimMemory(): Promise<void> {
  const maps = await readFile('/proc/self/maps', 'utf8');
  for (const { start, length } of codeMappings(maps, process.execPath)) {
    await cMadvise(start, length, MADV_DONTNEED); // a refusal only means that nothing was given back
  }
  await cMallocTrim(0);
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
