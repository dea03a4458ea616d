import { type Json, listAt, numberAt, objectAt, textAt } from '#client/json';
import { binarySize, humanSize } from './human.ts';
import type { Row } from './row.ts';
import type { Listing } from './row-writer.ts';

export const statsListing: Listing = {
  headers: {
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
  columns: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
  quietField: 'ID',
};

const UNKNOWN = '--';
const SHORT_ID = 12;

/**
 * What a container uses, as a line of `stats`.
 *
 * @param asked what it was called on the command line, or its ID; @param stats absent: nothing is known yet
 */
export function statsRow(
  asked: { readonly container: string; readonly id: string; readonly name: string },
  stats: Json | undefined,
  { truncate }: { readonly truncate: boolean },
): Row {
  const cut = (id: string): string => (truncate ? id.slice(0, SHORT_ID) : id);
  const names = {
    Container: asked.container,
    ID: cut(textAt(stats, 'id') || asked.id) || UNKNOWN,
    Name: (textAt(stats, 'name') || asked.name).replace(/^\//, '') || UNKNOWN,
  };
  if (stats === undefined) {
    const none = { CPUPerc: UNKNOWN, MemPerc: UNKNOWN, NetIO: UNKNOWN, BlockIO: UNKNOWN, PIDs: UNKNOWN };
    return { ...names, ...none, MemUsage: `${UNKNOWN} / ${UNKNOWN}` };
  }
  const used = memoryUse(stats);
  const limit = numberAt(stats, 'memory_stats', 'limit');
  return {
    ...names,
    CPUPerc: percent(cpuPart(stats)),
    MemUsage: `${binarySize(used)} / ${binarySize(limit)}`,
    MemPerc: percent(limit === 0 ? 0 : used / limit),
    NetIO: `${size(network(stats, 'rx_bytes'))} / ${size(network(stats, 'tx_bytes'))}`,
    BlockIO: `${size(blocks(stats, 'r'))} / ${size(blocks(stats, 'w'))}`,
    PIDs: String(numberAt(stats, 'pids_stats', 'current')),
  };
}

/** 1 is one whole processor. */
function cpuPart(stats: Json): number {
  const used = (key: string): number => numberAt(stats, key, 'cpu_usage', 'total_usage');
  const all = (key: string): number => numberAt(stats, key, 'system_cpu_usage');
  const usedDelta = used('cpu_stats') - used('precpu_stats');
  const allDelta = all('cpu_stats') - all('precpu_stats');
  if (usedDelta <= 0 || allDelta <= 0) return 0;
  const processors =
    numberAt(stats, 'cpu_stats', 'online_cpus') ||
    listAt(stats, 'cpu_stats', 'cpu_usage', 'percpu_usage').length;
  return (usedDelta / allDelta) * processors;
}

/** Without the pages of files that the kernel would give back at once: v1 and v2 of control groups call them differently. */
function memoryUse(stats: Json): number {
  const usage = numberAt(stats, 'memory_stats', 'usage');
  const legacy = numberAt(stats, 'memory_stats', 'stats', 'total_inactive_file');
  const cached = legacy > 0 ? legacy : numberAt(stats, 'memory_stats', 'stats', 'inactive_file');
  return cached < usage ? usage - cached : usage;
}

function network(stats: Json, key: string): number {
  return Object.values(objectAt(stats, 'networks')).reduce<number>((sum, one) => sum + numberAt(one, key), 0);
}

function blocks(stats: Json, letter: 'r' | 'w'): number {
  return listAt(stats, 'blkio_stats', 'io_service_bytes_recursive')
    .filter(one => textAt(one, 'op').toLowerCase().startsWith(letter))
    .reduce<number>((sum, one) => sum + numberAt(one, 'value'), 0);
}

function size(bytes: number): string {
  return humanSize(bytes, 3);
}

function percent(part: number): string {
  return `${(part * 100).toFixed(2)}%`;
}
