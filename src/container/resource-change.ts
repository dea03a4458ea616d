import { EngineError } from '#base/errors';
import { fitResources } from '#runtime/oci-spec/fit-resources';
import type { HostFacts } from '#runtime/oci-spec/host-facts';
import type { HostConfig } from '#spec/docker/host-config';
import type { ContainerUpdateRequest } from '#spec/docker/requests';
import { checkRealtime, checkRestartPolicy } from './validate-host.ts';

export interface ChangedConfig {
  readonly hostConfig: HostConfig;
  /** sentences for the client */
  readonly warnings: readonly string[];
}

/** What `docker update` can change and a running container has of it. */
export const LIVE_FIELDS = [
  'BlkioWeight',
  'CpuPeriod',
  'CpuQuota',
  'CpuShares',
  'CpusetCpus',
  'CpusetMems',
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
  'PidsLimit',
] as const satisfies readonly (keyof HostConfig)[];

/**
 * A container's settings with those of a request over them, as moby does it (container/container_unix.go, `UpdateContainer`): 0 and
 * empty leave what there is. A memory limit where there was none brings the swap that it would have had from the start; Docker
 * refuses it.
 *
 * @throws {EngineError} `invalid`, `conflict`, with Docker's wording.
 */
export function changedConfig(
  current: HostConfig,
  request: ContainerUpdateRequest,
  host: HostFacts,
): ChangedConfig {
  checkRealtime(request);
  checkCpuConflicts(current, request);
  checkRequestedMemory(current, request);
  const { RestartPolicy, PidsLimit } = request;
  const hostConfig: HostConfig = {
    ...current,
    BlkioWeight: request.BlkioWeight || current.BlkioWeight,
    CpuPeriod: request.CpuPeriod || current.CpuPeriod,
    CpuQuota: request.CpuQuota || current.CpuQuota,
    CpuShares: request.CpuShares || current.CpuShares,
    CpusetCpus: request.CpusetCpus || current.CpusetCpus,
    CpusetMems: request.CpusetMems || current.CpusetMems,
    Memory: request.Memory || current.Memory,
    MemoryReservation: request.MemoryReservation || current.MemoryReservation,
    MemorySwap: swapOf(current, request),
    NanoCpus: request.NanoCpus || current.NanoCpus,
    // Whatever is no number of processes means: no limit.
    PidsLimit: PidsLimit === undefined ? current.PidsLimit : Math.max(PidsLimit, 0),
    RestartPolicy: changedPolicy(current, RestartPolicy),
  };
  return fitResources(hostConfig, host);
}

function changedPolicy(
  { AutoRemove, RestartPolicy: current }: HostConfig,
  request: ContainerUpdateRequest['RestartPolicy'],
): HostConfig['RestartPolicy'] {
  if (request === undefined || request.Name === '') return current;
  if (AutoRemove && request.Name !== 'no') {
    const reason = 'Restart policy cannot be updated because AutoRemove is enabled for the container';
    throw new EngineError('conflict', reason);
  }
  checkRestartPolicy({ RestartPolicy: request, AutoRemove });
  return request;
}

function swapOf(current: HostConfig, { Memory, MemorySwap }: ContainerUpdateRequest): number {
  if (MemorySwap !== 0) return MemorySwap;
  const isNew = current.Memory === 0 && current.MemorySwap === 0 && Memory > 0;
  return isNew ? Memory * 2 : current.MemorySwap;
}

function checkRequestedMemory(
  { MemorySwap }: HostConfig,
  { Memory, MemorySwap: requested }: ContainerUpdateRequest,
): void {
  if (requested === 0 && MemorySwap > 0 && Memory > MemorySwap) {
    throw new EngineError(
      'conflict',
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    );
  }
}

function checkCpuConflicts(current: HostConfig, request: ContainerUpdateRequest): void {
  const conflicts: readonly (readonly [isThere: boolean, what: string])[] = [
    [
      request.NanoCpus > 0 && current.CpuPeriod > 0,
      'Nano CPUs cannot be updated as CPU Period has already been set',
    ],
    [
      request.NanoCpus > 0 && current.CpuQuota > 0,
      'Nano CPUs cannot be updated as CPU Quota has already been set',
    ],
    [
      request.CpuPeriod > 0 && current.NanoCpus > 0,
      'CPU Period cannot be updated as NanoCPUs has already been set',
    ],
    [
      request.CpuQuota > 0 && current.NanoCpus > 0,
      'CPU Quota cannot be updated as NanoCPUs has already been set',
    ],
  ];
  const found = conflicts.find(([isThere]) => isThere);
  if (found) throw new EngineError('conflict', `Conflicting options: ${found[1]}`);
}
