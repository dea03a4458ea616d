import { readFile } from 'node:fs/promises';
import { declareAsync } from './libc.ts';

const cMadvise = declareAsync('int madvise(uint64_t address, size_t length, int advice)');
const cMallocTrim = declareAsync('int malloc_trim(size_t pad)');
const MADV_DONTNEED = 4;

/**
 * Gives back what was needed for a while: pages of the program's own code and constants, most of which are never looked at
 * again, and free memory that the C library holds. What is looked at again is mapped again, from memory, when it is
 * (madvise(2)). The work is done on another thread.
 */
export async function trimMemory(): Promise<void> {
  const smaps = await readFile('/proc/self/smaps', 'utf8');
  for (const { start, length } of untouchedMappings(smaps, process.execPath)) {
    await cMadvise(start, length, MADV_DONTNEED); // a refusal only means that nothing was given back
  }
  await cMallocTrim(0);
}

const MAPPING =
  /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(\/.*)\n(?:[A-Z]\w+: .*\n)*?Anonymous: +0 kB$/gm;

/**
 * Not writable, and backed by `file` alone: what the loader wrote to before it closed it has pages of its own, `Anonymous`,
 * which would be lost (proc_pid_smaps(5)). Only to be asked for the program itself: a library may be in the middle of being loaded.
 */
export function untouchedMappings(
  smaps: string,
  file: string,
): { readonly start: bigint; readonly length: bigint }[] {
  return [...smaps.matchAll(MAPPING)].flatMap(match => {
    if (match[3] !== file) return [];
    const start = BigInt(`0x${match[1]}`);
    return [{ start, length: BigInt(`0x${match[2]}`) - start }];
  });
}
