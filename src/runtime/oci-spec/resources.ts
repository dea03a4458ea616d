import type { HostConfig } from '#spec/docker/host-config';
import { type DeviceRule, deviceNumbers } from './devices.ts';

/** Period of the CPU quota that `--cpus` becomes, as Docker chooses it */
export const QUOTA_PERIOD_MICROS = 100_000;

type Throttles = HostConfig['BlkioDeviceReadBps'];

/**
 * `linux.resources` of a container. The settings were fitted to the host before (see `fitHostConfig`): what the kernel
 * cannot do is not asked for.
 *
 * @throws {EngineError} `invalid` for a throttled device that does not exist.
 */
export function resources(
  config: HostConfig,
  rules: readonly DeviceRule[],
): Readonly<Record<string, unknown>> {
  const pids = config.PidsLimit ?? 0;
  return withoutEmpty({
    devices: rules,
    memory: withoutEmpty(memory(config)),
    cpu: withoutEmpty(cpu(config)),
    blockIO: withoutEmpty(blockIo(config)),
    pids: pids > 0 ? { limit: pids } : undefined,
  });
}

function memory(config: HostConfig): Readonly<Record<string, unknown>> {
  return {
    limit: positive(config.Memory),
    reservation: positive(config.MemoryReservation),
    // Memory plus swap; -1 means no limit, which is what an absent one means too.
    swap: positive(config.MemorySwap),
    swappiness: config.MemorySwappiness,
    disableOOMKiller: config.OomKillDisable === true ? true : undefined,
    kernelTCP: positive(config.KernelMemoryTCP),
  };
}

function cpu(config: HostConfig): Readonly<Record<string, unknown>> {
  const hasCpus = config.NanoCpus > 0;
  return {
    shares: positive(config.CpuShares),
    quota: hasCpus ? Math.floor((config.NanoCpus * QUOTA_PERIOD_MICROS) / 1e9) : positive(config.CpuQuota), // below 0 is no limit, which crun cannot write
    period: hasCpus ? QUOTA_PERIOD_MICROS : positive(config.CpuPeriod),
    realtimePeriod: positive(config.CpuRealtimePeriod),
    realtimeRuntime: nonZero(config.CpuRealtimeRuntime),
    cpus: config.CpusetCpus || undefined,
    mems: config.CpusetMems || undefined,
  };
}

function blockIo(config: HostConfig): Readonly<Record<string, unknown>> {
  const weights = config.BlkioWeightDevice.map(({ Path, Weight }) => ({
    ...deviceNumbers(Path),
    weight: Weight,
  }));
  return {
    weight: positive(config.BlkioWeight),
    weightDevice: weights.length > 0 ? weights : undefined,
    throttleReadBpsDevice: throttles(config.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(config.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(config.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(config.BlkioDeviceWriteIOps),
  };
}

function throttles(limits: Throttles): readonly unknown[] | undefined {
  if (limits.length === 0) return undefined;
  return limits.map(({ Path, Rate }) => ({ ...deviceNumbers(Path), rate: Rate }));
}

function positive(value: number): number | undefined {
  return value > 0 ? value : undefined;
}

function nonZero(value: number): number | undefined {
  return value === 0 ? undefined : value;
}

function withoutEmpty(values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  );
}
