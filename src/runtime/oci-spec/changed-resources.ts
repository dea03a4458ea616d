import type { HostConfig } from '#spec/docker/host-config';
import { QUOTA_PERIOD_MICROS } from './resources.ts';

type Values = Readonly<Record<string, unknown>>;

export interface LiftedLimits {
  readonly isPidsUnlimited: boolean;
  readonly isCpuUnlimited: boolean;
}

/**
 * The part of `linux.resources` in which two configurations differ, for the runtime's `update`. What shall have no limit any more is said:
 * what is left out stays.
 */
export function changedResources(before: HostConfig, after: HostConfig): Values {
  const isChanged = (...keys: readonly (keyof HostConfig)[]): boolean =>
    keys.some(key => before[key] !== after[key]);
  const { Memory, MemorySwap } = after;
  const isMemory = isChanged('Memory', 'MemorySwap');
  const isQuota = isChanged('NanoCpus', 'CpuQuota', 'CpuPeriod');
  const quota = quotaOf(after);
  const period = after.NanoCpus > 0 ? QUOTA_PERIOD_MICROS : after.CpuPeriod;
  return withoutEmpty({
    memory: {
      // Both: the kernel wants them in an order that depends on what there is.
      limit: isMemory && Memory !== 0 ? Memory : undefined,
      swap: isMemory && MemorySwap !== 0 ? MemorySwap : undefined,
      reservation: isChanged('MemoryReservation') ? after.MemoryReservation : undefined,
    },
    cpu: {
      shares: isChanged('CpuShares') ? after.CpuShares : undefined,
      quota: isQuota && quota > 0 ? quota : undefined,
      period: isQuota && period !== 0 ? period : undefined,
      cpus: isChanged('CpusetCpus') ? after.CpusetCpus : undefined,
      mems: isChanged('CpusetMems') ? after.CpusetMems : undefined,
    },
    blockIO: { weight: isChanged('BlkioWeight') ? after.BlkioWeight : undefined },
    pids: {
      limit: isChanged('PidsLimit') && (after.PidsLimit ?? 0) > 0 ? after.PidsLimit : undefined,
    },
  });
}

/** Which limits go away with a change: crun does not write that down. */
export function liftedLimits(before: HostConfig, after: HostConfig): LiftedLimits {
  return {
    isPidsUnlimited: before.PidsLimit !== after.PidsLimit && (after.PidsLimit ?? 0) <= 0,
    isCpuUnlimited: quotaOf(before) !== quotaOf(after) && quotaOf(after) <= 0,
  };
}

function quotaOf({ NanoCpus, CpuQuota }: HostConfig): number {
  return NanoCpus > 0 ? Math.floor((NanoCpus * QUOTA_PERIOD_MICROS) / 1e9) : CpuQuota;
}

function withoutEmpty(groups: Readonly<Record<string, Values>>): Values {
  const given = Object.entries(groups).map(
    ([name, values]) =>
      [name, Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))] as const,
  );
  return Object.fromEntries(given.filter(([, values]) => Object.keys(values).length > 0));
}
