import type { StatsSample, StatsView } from '#container/container-stats';
import { toTimestamp } from '#spec/docker/timestamp';

/** Engine API `ContainerStatsResponse`. */
export function statsToWire({ id, name, sample, previous }: StatsView) {
  const interfaces = sample?.interfaces ?? [];
  return {
    id,
    name: `/${name}`,
    os_type: 'linux',
    read: toTimestamp(sample?.readAt),
    preread: toTimestamp(previous?.readAt),
    cpu_stats: cpuToWire(sample),
    precpu_stats: cpuToWire(previous),
    memory_stats: memoryToWire(sample),
    ...(interfaces.length > 0 && {
      networks: Object.fromEntries(interfaces.map(counters => [counters.name, networkToWire(counters)])),
    }),
    pids_stats: pidsToWire(sample),
    blkio_stats: ioToWire(sample),
    num_procs: 0,
    storage_stats: {},
  };
}

function cpuToWire(sample: StatsSample | undefined) {
  const cpu = sample?.cgroup.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.usageNanos ?? 0,
      ...(cpu && cpu.perCpuNanos.length > 0 && { percpu_usage: cpu.perCpuNanos }),
      usage_in_kernelmode: cpu?.systemNanos ?? 0,
      usage_in_usermode: cpu?.userNanos ?? 0,
    },
    ...(sample && { system_cpu_usage: sample.system.usageNanos, online_cpus: sample.system.onlineCpus }),
    throttling_data: {
      periods: cpu?.periods ?? 0,
      throttled_periods: cpu?.throttledPeriods ?? 0,
      throttled_time: cpu?.throttledNanos ?? 0,
    },
  };
}

function memoryToWire(sample: StatsSample | undefined) {
  const memory = sample?.cgroup.memory;
  if (!sample || !memory) return {};
  const { cgroupVersion, hostMemoryBytes } = sample;
  const { usageBytes, maxUsageBytes, limitBytes = hostMemoryBytes, failCount, stats } = memory;
  return {
    usage: usageBytes,
    ...(cgroupVersion === 1 && { max_usage: maxUsageBytes, failcnt: failCount }),
    stats,
    limit: Math.min(limitBytes, hostMemoryBytes),
  };
}

function networkToWire(counters: NonNullable<StatsSample['interfaces']>[number]) {
  return {
    rx_bytes: counters.rxBytes,
    rx_packets: counters.rxPackets,
    rx_errors: counters.rxErrors,
    rx_dropped: counters.rxDropped,
    tx_bytes: counters.txBytes,
    tx_packets: counters.txPackets,
    tx_errors: counters.txErrors,
    tx_dropped: counters.txDropped,
  };
}

function pidsToWire(sample: StatsSample | undefined) {
  const pids = sample?.cgroup.pids;
  if (!pids) return {};
  return { current: pids.current, ...(pids.limit !== undefined && { limit: pids.limit }) };
}

type IoCounts = NonNullable<StatsSample['cgroup']['io']>['bytes'];

function ioToWire(sample: StatsSample | undefined) {
  const io = sample?.cgroup.io;
  const list = (counts: IoCounts): object[] =>
    counts.map(({ major, minor, operation, value }) => ({ major, minor, op: operation, value }));
  return {
    io_service_bytes_recursive: io && io.bytes.length > 0 ? list(io.bytes) : null,
    io_serviced_recursive:
      sample?.cgroupVersion === 1 && io && io.operations.length > 0 ? list(io.operations) : null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}
