import { EngineError } from '#base/errors';
import type { StatsView } from '#container/container-stats';
import type { StatsRouteDeps } from './stats-routes.ts';

const SAMPLE: NonNullable<StatsView['sample']> = {
  readAt: Date.UTC(2026, 0, 2),
  cgroupVersion: 2,
  hostMemoryBytes: 24 * 2 ** 30,
  system: { usageNanos: 4e15, onlineCpus: 2 },
  cgroup: {
    cpu: {
      usageNanos: 3e9,
      userNanos: 2e9,
      systemNanos: 1e9,
      perCpuNanos: [],
      periods: 4,
      throttledPeriods: 1,
      throttledNanos: 5,
    },
    memory: {
      usageBytes: 6_000_000,
      maxUsageBytes: 7_000_000,
      failCount: 0,
      stats: { inactive_file: 1_000_000 },
    },
    pids: { current: 3, limit: 100 },
    io: {
      bytes: [{ major: 8, minor: 0, operation: 'read', value: 4096 }],
      operations: [{ major: 8, minor: 0, operation: 'read', value: 1 }],
    },
  },
  interfaces: [
    {
      name: 'eth0',
      rxBytes: 1,
      rxPackets: 2,
      rxErrors: 3,
      rxDropped: 4,
      txBytes: 5,
      txPackets: 6,
      txErrors: 7,
      txDropped: 8,
    },
  ],
};

/** What the container `web` uses; `idle` does not run. */
export function fakeContainerStats(): StatsRouteDeps['containers']['stats'] {
  const view = (reference: string): StatsView => {
    if (reference === 'idle') return { id: 'd'.repeat(64), name: reference };
    if (reference !== 'web') throw new EngineError('notFound', `No such container: ${reference}`);
    return { id: 'c'.repeat(64), name: reference, sample: SAMPLE };
  };
  return {
    now: async reference => view(reference),
    once: async reference => ({ ...view(reference), ...(reference === 'web' && { previous: SAMPLE }) }),
    watch: reference => {
      const first = view(reference);
      return (async function* () {
        yield first;
      })();
    },
  };
}
