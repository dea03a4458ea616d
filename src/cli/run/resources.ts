import { CliError } from '../cli-error.ts';
import { readBytes } from '../flag-values.ts';
import type { CreateOptions } from './create-flags.ts';
import { invalidOption } from './invalid-option.ts';

type LimitOptions = Pick<
  CreateOptions,
  | 'blkio-weight'
  | 'cpu-period'
  | 'cpu-quota'
  | 'cpu-rt-period'
  | 'cpu-rt-runtime'
  | 'cpu-shares'
  | 'cpus'
  | 'cpuset-cpus'
  | 'cpuset-mems'
  | 'kernel-memory'
  | 'memory'
  | 'memory-reservation'
  | 'memory-swap'
  | 'pids-limit'
>;

/** The limits that can be changed while a container runs, too. 0 is "not said". */
export function readLimits(flags: LimitOptions) {
  return {
    Memory: flags.memory,
    MemoryReservation: flags['memory-reservation'],
    MemorySwap: flags['memory-swap'],
    KernelMemory: flags['kernel-memory'],
    NanoCpus: flags.cpus,
    CpuShares: flags['cpu-shares'],
    CpuPeriod: flags['cpu-period'],
    CpuQuota: flags['cpu-quota'],
    CpuRealtimePeriod: flags['cpu-rt-period'],
    CpuRealtimeRuntime: flags['cpu-rt-runtime'],
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
    PidsLimit: flags['pids-limit'],
    BlkioWeight: flags['blkio-weight'],
  };
}

/** Limits of memory, processors, devices and processes, for `HostConfig`. 0 is "not said". */
export function readResources(flags: CreateOptions) {
  return {
    ...readLimits(flags),
    CgroupParent: flags['cgroup-parent'],
    OomKillDisable: flags['oom-kill-disable'],
    BlkioWeightDevice: flags['blkio-weight-device'].map(weightDevice),
    BlkioDeviceReadBps: flags['device-read-bps'].map(text => bytesRate('device-read-bps', text)),
    BlkioDeviceWriteBps: flags['device-write-bps'].map(text => bytesRate('device-write-bps', text)),
    BlkioDeviceReadIOps: flags['device-read-iops'].map(text => operationsRate('device-read-iops', text)),
    BlkioDeviceWriteIOps: flags['device-write-iops'].map(text => operationsRate('device-write-iops', text)),
    Ulimits: readUlimits(flags.ulimit),
    DeviceCgroupRules: flags['device-cgroup-rule'].map(cgroupRule),
  };
}

/** `--memory-swappiness`, where 0 is a value of its own: nothing is swapped. */
export function readSwappiness(value: number | undefined): { MemorySwappiness?: number } {
  if (value === undefined || value === -1) return {};
  if (value >= 0 && value <= 100) return { MemorySwappiness: value };
  throw new CliError(`invalid value: ${value}. Valid memory swappiness range is 0-100`, 125);
}

interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

const ULIMITS =
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  );

/** @throws {UsageError} for what is none. */
export function readUlimits(list: readonly string[]): Ulimit[] {
  return uniqueByName(list.map(parseUlimit));
}

/** `nofile=1024:2048`, `nproc=3`, `core=-1`: soft limit, then hard; one number is both. */
function parseUlimit(text: string): Ulimit {
  const match = /^([^=]+)=([^=]*)$/.exec(text);
  if (!match) throw invalidOption('ulimit', text, `invalid ulimit argument: ${text}`);
  const [, Name = '', limits = ''] = match;
  if (!ULIMITS.includes(Name)) throw invalidOption('ulimit', text, `invalid ulimit type: ${Name}`);
  const parts = limits.split(':');
  if (parts.length > 2) {
    const reason = `too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``;
    throw invalidOption('ulimit', text, reason);
  }
  const [Soft = 0, Hard = Soft] = parts.map(part => {
    if (!/^-?\d+$/.test(part)) throw invalidOption('ulimit', text, `"${part}" is not a whole number`);
    return Number(part);
  });
  if (Hard >= 0 && (Soft > Hard || Soft < 0)) {
    throw invalidOption(
      'ulimit',
      text,
      `ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`,
    );
  }
  return { Name, Soft, Hard };
}

/** The last of a name counts. */
function uniqueByName(list: readonly Ulimit[]): Ulimit[] {
  const byName = [...new Map(list.map(one => [one.Name, one])).values()];
  return byName.sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

function weightDevice(text: string): { Path: string; Weight: number } {
  const { path, value } = deviceAndValue('blkio-weight-device', text);
  const Weight = /^\d+$/.test(value) ? Number(value) : -1;
  if (Weight !== 0 && (Weight < 10 || Weight > 1000)) {
    throw invalidOption('blkio-weight-device', text, `invalid weight for device: ${text}`);
  }
  return { Path: path, Weight };
}

type RateOption = 'device-read-bps' | 'device-write-bps' | 'device-read-iops' | 'device-write-iops';

function bytesRate(option: RateOption, text: string): { Path: string; Rate: number } {
  const { path, value } = deviceAndValue(option, text);
  try {
    const Rate = readBytes(value);
    if (Rate >= 0) return { Path: path, Rate };
  } catch {
    // said below, with what is expected
  }
  const format = 'The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer.';
  const units = 'Unit is optional and can be kb, mb, or gb';
  throw invalidOption(option, text, `invalid rate for device: ${text}. ${format} ${units}`);
}

function operationsRate(option: RateOption, text: string): { Path: string; Rate: number } {
  const { path, value } = deviceAndValue(option, text);
  if (/^\d+$/.test(value)) return { Path: path, Rate: Number(value) };
  const format = 'The correct format is <device-path>:<number>. Number must be a positive integer';
  throw invalidOption(option, text, `invalid rate for device: ${text}. ${format}`);
}

function deviceAndValue(
  option: RateOption | 'blkio-weight-device',
  text: string,
): { path: string; value: string } {
  const at = text.indexOf(':');
  const path = text.slice(0, Math.max(at, 0));
  if (!path) throw invalidOption(option, text, `bad format: ${text}`);
  if (!path.startsWith('/dev/')) throw invalidOption(option, text, `bad format for device path: ${text}`);
  return { path, value: text.slice(at + 1) };
}

function cgroupRule(text: string): string {
  if (/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) return text;
  throw invalidOption('device-cgroup-rule', text, `invalid device cgroup format '${text}'`);
}
