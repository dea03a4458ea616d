import { EngineError } from '#base/errors';
import type { HostConfig } from '#spec/docker/host-config';
import type { HostFacts } from './host-facts.ts';

/** Docker's minimum: below it a runtime cannot even start the process. */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
/** Largest CPU or node number a list may name, against lists such as `0-4294967295` */
const MAX_LIST_NUMBER = 8192;

/** Settings that change because the host cannot do what was asked, and a sentence for each. */
interface Discards {
  readonly changes: Partial<HostConfig>;
  readonly warnings: readonly string[];
}

/**
 * The part of `fitHostConfig` about limits (Docker's `verifyPlatformContainerResources`).
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function fitResources(
  config: HostConfig,
  host: HostFacts,
): { readonly hostConfig: HostConfig; readonly warnings: readonly string[] } {
  checkMemory(config);
  checkCpu(config, host);
  checkBlkio(config);
  const discards = [
    memoryDiscards(config, host),
    pidsDiscards(config, host),
    cpuDiscards(config, host),
    blkioDiscards(config, host),
  ];
  const changes: Partial<HostConfig> = Object.assign({}, ...discards.map(({ changes }) => changes));
  return {
    hostConfig: { ...config, ...changes },
    warnings: discards.flatMap(({ warnings }) => warnings),
  };
}

function checkMemory(config: HostConfig): void {
  const { Memory, MemorySwap, MemoryReservation, MemorySwappiness } = config;
  if (Memory !== 0 && Memory < MIN_MEMORY_BYTES) throw invalid('Minimum memory limit allowed is 6MB');
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory) {
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  }
  if (Memory === 0 && MemorySwap > 0) {
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  }
  if (MemorySwap < -1) throw invalid(`invalid memory swap limit: ${MemorySwap}`);
  if (MemorySwappiness !== undefined && (MemorySwappiness < -1 || MemorySwappiness > 100)) {
    throw invalid(`Invalid value: ${MemorySwappiness}, valid memory swappiness range is 0-100`);
  }
  if (MemoryReservation !== 0 && MemoryReservation < MIN_MEMORY_BYTES) {
    throw invalid('Minimum memory reservation allowed is 6MB');
  }
  if (Memory > 0 && MemoryReservation > 0 && Memory < MemoryReservation) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
}

function checkCpu(config: HostConfig, { cpuCount, cgroups }: HostFacts): void {
  const { NanoCpus, CpuPeriod, CpuQuota, CpuShares } = config;
  if (NanoCpus > 0 && CpuPeriod > 0) {
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  }
  if (NanoCpus > 0 && CpuQuota > 0) {
    throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  }
  if (NanoCpus > 0 && !cgroups.hasCpuQuota) {
    throw invalid(
      'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    );
  }
  if (NanoCpus < 0 || NanoCpus > cpuCount * 1e9 || (NanoCpus > 0 && NanoCpus < 1e7)) {
    throw invalid(
      `Range of CPUs is from 0.01 to ${cpuCount}.00, as there are only ${cpuCount} CPUs available`,
    );
  }
  if (CpuShares < 0) throw invalid('shares: invalid argument');
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (CpuQuota > 0 && CpuQuota < 1000) {
    throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  }
  if (!cgroups.hasCpuset) return;
  checkList(config.CpusetCpus, cgroups.cpus, 'cpus', 'CPUs');
  checkList(config.CpusetMems, cgroups.memoryNodes, 'mems', 'memory nodes');
}

function checkList(wanted: string, available: string, option: string, what: string): void {
  const numbers = parseList(wanted);
  if (!numbers) throw invalid(`Invalid value ${wanted} for cpuset ${option}`);
  const offered = parseList(available) ?? new Set();
  if (!numbers.isSubsetOf(offered)) {
    throw invalid(`Requested ${what} are not available - requested ${wanted}, available: ${available}`);
  }
}

/** `0-3,8` as numbers. @returns `undefined` when it is no such list. */
function parseList(text: string): Set<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.split(',').filter(Boolean)) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from > to || to > MAX_LIST_NUMBER) return undefined;
    for (let number = from; number <= to; number += 1) numbers.add(number);
  }
  return numbers;
}

function checkBlkio({ BlkioWeight }: HostConfig): void {
  if (BlkioWeight !== 0 && (BlkioWeight < 10 || BlkioWeight > 1000)) {
    throw invalid('Range of blkio weight is from 10 to 1000');
  }
}

function memoryDiscards(config: HostConfig, { cgroups }: HostFacts): Discards {
  const discard = new Discarder();
  if (config.Memory > 0 && !cgroups.hasMemoryLimit) {
    discard.add(
      { Memory: 0, MemorySwap: -1 },
      'Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.',
    );
  } else if (config.Memory > 0 && config.MemorySwap !== -1 && !cgroups.hasSwapLimit) {
    discard.add(
      { MemorySwap: -1 },
      'Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.',
    );
  }
  if (config.MemorySwappiness === -1) discard.add({ MemorySwappiness: undefined });
  else if (config.MemorySwappiness !== undefined && !cgroups.hasSwappiness) {
    discard.add(
      { MemorySwappiness: undefined },
      'Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.',
    );
  }
  if (config.MemoryReservation > 0 && !cgroups.hasMemoryReservation) {
    discard.add(
      { MemoryReservation: 0 },
      'Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.',
    );
  }
  if (config.OomKillDisable === true && !cgroups.hasOomKillDisable) {
    discard.add(
      { OomKillDisable: undefined },
      'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
    );
  } else if (config.OomKillDisable === true && config.Memory === 0) {
    discard.add(
      {},
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
  return discard;
}

function cpuDiscards(config: HostConfig, { cgroups }: HostFacts): Discards {
  const discard = new Discarder();
  if (config.CpuShares > 0 && !cgroups.hasCpuShares) {
    discard.add(
      { CpuShares: 0 },
      'Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.',
    );
  }
  if ((config.CpuPeriod !== 0 || config.CpuQuota !== 0) && !cgroups.hasCpuQuota) {
    discard.add(
      { CpuPeriod: 0, CpuQuota: 0 },
      'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.',
    );
  }
  if ((config.CpusetCpus !== '' || config.CpusetMems !== '') && !cgroups.hasCpuset) {
    discard.add(
      { CpusetCpus: '', CpusetMems: '' },
      'Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.',
    );
  }
  return discard;
}

const THROTTLES = [
  ['BlkioDeviceReadBps', 'BPS Block I/O read limit', 'Block I/O BPS read limit'],
  ['BlkioDeviceWriteBps', 'BPS Block I/O write limit', 'Block I/O BPS write limit'],
  ['BlkioDeviceReadIOps', 'IOPS Block read limit', 'Block I/O IOPS read limit'],
  ['BlkioDeviceWriteIOps', 'IOPS Block write limit', 'Block I/O IOPS write limit'],
] as const;

function blkioDiscards(config: HostConfig, { cgroups }: HostFacts): Discards {
  const discard = new Discarder();
  if (config.BlkioWeight > 0 && !cgroups.hasBlkioWeight) {
    discard.add(
      { BlkioWeight: 0 },
      'Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.',
    );
  }
  if (config.BlkioWeightDevice.length > 0 && !cgroups.hasBlkioWeightDevice) {
    discard.add(
      { BlkioWeightDevice: [] },
      'Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.',
    );
  }
  for (const [field, limit, discarded] of cgroups.hasBlkioThrottle ? [] : THROTTLES) {
    if (config[field].length === 0) continue;
    discard.add(
      { [field]: [] },
      `Your kernel does not support ${limit} or the cgroup is not mounted. ${discarded} discarded.`,
    );
  }
  return discard;
}

function pidsDiscards(config: HostConfig, { cgroups }: HostFacts): Discards {
  const discard = new Discarder();
  if ((config.PidsLimit ?? 0) > 0 && !cgroups.hasPidsLimit) {
    discard.add(
      { PidsLimit: undefined },
      'Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.',
    );
  }
  return discard;
}

class Discarder implements Discards {
  changes: Partial<HostConfig> = {};
  readonly warnings: string[] = [];

  add(changes: Partial<HostConfig>, warning?: string): void {
    this.changes = { ...this.changes, ...changes };
    if (warning !== undefined) this.warnings.push(warning);
  }
}

function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}
