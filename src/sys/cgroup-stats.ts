import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupSupport, cgroupDirectory } from './cgroup.ts';
import { isErrno } from './sys-error.ts';

export interface IoCount {
  readonly major: number;
  readonly minor: number;
  /** `read`, `write`, `discard`, … */
  readonly operation: string;
  readonly value: number;
}

/** Use of resources by one control group and all below it. Absent: the host does not count it. */
export interface CgroupStats {
  readonly cpu?: {
    readonly usageNanos: number;
    readonly userNanos: number;
    readonly systemNanos: number;
    readonly perCpuNanos: readonly number[];
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNanos: number;
  };
  readonly memory?: {
    readonly usageBytes: number;
    readonly maxUsageBytes: number;
    /** absent: no limit */
    readonly limitBytes?: number;
    readonly failCount: number;
    /** the file memory.stat */
    readonly stats: Readonly<Record<string, number>>;
  };
  readonly pids?: { readonly current: number; readonly limit?: number };
  readonly io?: { readonly bytes: readonly IoCount[]; readonly operations: readonly IoCount[] };
}

/** `USER_HZ`: what times in `cpuacct.stat` count, on every architecture Node runs on */
const TICK_NANOS = 1e9 / 100;
/** v1 writes the largest page-aligned number for "no limit" */
const NO_LIMIT = 2 ** 62;

/** Reads the counters of a group. What is missing or gone is absent. */
export async function readCgroupStats(support: CgroupSupport, path: string): Promise<CgroupStats> {
  const read = (controller: string, file: string): Promise<string> => {
    const directory = cgroupDirectory(support, path, controller);
    return directory === undefined ? Promise.resolve('') : readText(join(directory, file));
  };
  const [cpu, memory, pids, io] =
    support.version === 2
      ? await Promise.all([unifiedCpu(read), unifiedMemory(read), pidCounts(read), unifiedIo(read)])
      : await Promise.all([legacyCpu(read), legacyMemory(read), pidCounts(read), legacyIo(read)]);
  return { ...(cpu && { cpu }), ...(memory && { memory }), ...(pids && { pids }), ...(io && { io }) };
}

/** How often the kernel killed a process of the group for memory. */
export async function readOomKills(support: CgroupSupport, path: string): Promise<number> {
  const directory = cgroupDirectory(support, path, 'memory');
  if (directory === undefined) return 0;
  const file = support.version === 2 ? 'memory.events' : 'memory.oom_control';
  return keyed(await readText(join(directory, file)))['oom_kill'] ?? 0;
}

type Read = (controller: string, file: string) => Promise<string>;

async function unifiedCpu(read: Read): Promise<CgroupStats['cpu']> {
  const stat = keyed(await read('cpuacct', 'cpu.stat'));
  if (stat['usage_usec'] === undefined) return undefined;
  return {
    usageNanos: stat['usage_usec'] * 1000,
    userNanos: (stat['user_usec'] ?? 0) * 1000,
    systemNanos: (stat['system_usec'] ?? 0) * 1000,
    perCpuNanos: [],
    periods: stat['nr_periods'] ?? 0,
    throttledPeriods: stat['nr_throttled'] ?? 0,
    throttledNanos: (stat['throttled_usec'] ?? 0) * 1000,
  };
}

async function legacyCpu(read: Read): Promise<CgroupStats['cpu']> {
  const [usage, perCpu, times, throttling] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('cpuacct', 'cpuacct.usage_percpu'),
    read('cpuacct', 'cpuacct.stat'),
    read('cpu', 'cpu.stat'),
  ]);
  if (usage === '') return undefined;
  const ticks = keyed(times);
  const stat = keyed(throttling);
  return {
    usageNanos: Number(usage),
    userNanos: (ticks['user'] ?? 0) * TICK_NANOS,
    systemNanos: (ticks['system'] ?? 0) * TICK_NANOS,
    perCpuNanos: perCpu.trim().split(/\s+/).filter(Boolean).map(Number),
    periods: stat['nr_periods'] ?? 0,
    throttledPeriods: stat['nr_throttled'] ?? 0,
    throttledNanos: stat['throttled_time'] ?? 0,
  };
}

async function unifiedMemory(read: Read): Promise<CgroupStats['memory']> {
  const [current, peak, max, events, stat] = await Promise.all([
    read('memory', 'memory.current'),
    read('memory', 'memory.peak'),
    read('memory', 'memory.max'),
    read('memory', 'memory.events'),
    read('memory', 'memory.stat'),
  ]);
  if (current === '') return undefined;
  return memoryStats(Number(current), Number(peak), max, keyed(events)['max'] ?? 0, stat);
}

async function legacyMemory(read: Read): Promise<CgroupStats['memory']> {
  const [usage, peak, limit, failures, stat] = await Promise.all([
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.max_usage_in_bytes'),
    read('memory', 'memory.limit_in_bytes'),
    read('memory', 'memory.failcnt'),
    read('memory', 'memory.stat'),
  ]);
  if (usage === '') return undefined;
  return memoryStats(Number(usage), Number(peak), limit, Number(failures), stat);
}

function memoryStats(
  usageBytes: number,
  maxUsageBytes: number,
  limit: string,
  failCount: number,
  stat: string,
): CgroupStats['memory'] {
  const limitBytes = limitOf(limit);
  return {
    usageBytes,
    maxUsageBytes,
    ...(limitBytes !== undefined && { limitBytes }),
    failCount,
    stats: keyed(stat),
  };
}

async function pidCounts(read: Read): Promise<CgroupStats['pids']> {
  const [current, max] = await Promise.all([read('pids', 'pids.current'), read('pids', 'pids.max')]);
  if (current === '') return undefined;
  const limit = limitOf(max);
  return { current: Number(current), ...(limit !== undefined && { limit }) };
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6` */
async function unifiedIo(read: Read): Promise<CgroupStats['io']> {
  const text = await read('blkio', 'io.stat');
  const bytes: IoCount[] = [];
  const operations: IoCount[] = [];
  for (const line of lines(text)) {
    const [device = '', ...fields] = line.split(' ');
    for (const field of fields) {
      const [, letter = '', unit, value] = /^([rwd])(bytes|ios)=(\d+)$/.exec(field) ?? [];
      const operation = { r: 'read', w: 'write', d: 'discard' }[letter];
      if (operation === undefined) continue;
      (unit === 'bytes' ? bytes : operations).push({ ...numbers(device), operation, value: Number(value) });
    }
  }
  return { bytes, operations };
}

async function legacyIo(read: Read): Promise<CgroupStats['io']> {
  const [bytes, operations] = await Promise.all([
    read('blkio', 'blkio.throttle.io_service_bytes_recursive'),
    read('blkio', 'blkio.throttle.io_serviced_recursive'),
  ]);
  return { bytes: legacyCounts(bytes), operations: legacyCounts(operations) };
}

/** `8:0 Read 4096`, and a last line `Total 4096` */
function legacyCounts(text: string): readonly IoCount[] {
  return lines(text).flatMap(line => {
    const [device = '', operation, value] = line.split(' ');
    if (value === undefined || operation === undefined) return [];
    return [{ ...numbers(device), operation: operation.toLowerCase(), value: Number(value) }];
  });
}

function numbers(device: string): { readonly major: number; readonly minor: number } {
  const [major = 0, minor = 0] = device.split(':').map(Number);
  return { major, minor };
}

/** A file of lines `key value`. */
function keyed(text: string): Readonly<Record<string, number>> {
  const pairs = lines(text).map(line => line.split(' '));
  return Object.fromEntries(pairs.map(([key = '', value]) => [key, Number(value)]));
}

function limitOf(text: string): number | undefined {
  const limit = Number(text);
  return text === '' || Number.isNaN(limit) || limit >= NO_LIMIT ? undefined : limit;
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter(line => line !== '');
}

/** At once: these files are made up in microseconds, and four threads that take turns at them cost ten times as much. */
async function readText(path: string): Promise<string> {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return '';
    throw error;
  }
}
