import type { ContainerId, Digest, ExecId } from '#base/ids';
import type { ContainerConfig, NetworkingConfig } from '#spec/docker/container-config';
import type { HostConfig } from '#spec/docker/host-config';

export const CONTAINER_STATUSES = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
] as const;
export type ContainerStatus = (typeof CONTAINER_STATUSES)[number];

export interface HealthProbe {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly exitCode: number;
  /** at most 4096 bytes */
  readonly output: string;
}

export interface Health {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  readonly failingStreak: number;
  /** the last five, oldest first */
  readonly log: readonly HealthProbe[];
}

/** Times in milliseconds since 1970; absent when it never happened. */
export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid?: number;
  readonly exitCode: number;
  readonly error: string;
  readonly isOomKilled: boolean;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly health?: Health;
}

/** A mount as it was resolved at creation (Engine API `MountPoint`). */
export interface MountPoint {
  readonly type: 'bind' | 'volume' | 'tmpfs';
  /** volume name */
  readonly name?: string;
  /** host path; empty for tmpfs */
  readonly source: string;
  readonly destination: string;
  readonly driver?: string;
  readonly mode: string;
  readonly isWritable: boolean;
  readonly propagation: string;
  /** do not fill the volume from the image */
  readonly isNoCopy?: boolean;
  readonly subpath?: string;
  readonly isNonRecursive?: boolean;
  /** read-only for submounts too: `enabled` where possible, or `force` */
  readonly recursiveReadOnly?: 'enabled' | 'force' | 'disabled';
  /** tmpfs only: mount options such as `size=64m,mode=1777` */
  readonly tmpfsOptions?: string;
}

/** An endpoint as inspect shows it, live or as last configured. */
export interface ContainerEndpoint {
  readonly networkName: string;
  readonly networkId: string;
  readonly endpointId: string;
  readonly gateway: string;
  readonly ipAddress: string;
  readonly ipPrefixLength: number;
  readonly ipv6Gateway: string;
  readonly ipv6Address: string;
  readonly ipv6PrefixLength: number;
  readonly macAddress: string;
  readonly aliases: readonly string[];
  readonly dnsNames: readonly string[];
}

export interface ContainerPort {
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
}

/** A container: configuration (fixed at creation) plus state. */
export interface Container {
  readonly id: ContainerId;
  readonly name: string;
  readonly createdAt: number;
  readonly imageId: Digest | '';
  /** the reference the user gave */
  readonly imageName: string;
  readonly platform: string;
  /** command that runs: entrypoint and arguments merged */
  readonly path: string;
  readonly args: readonly string[];
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly networking: NetworkingConfig;
  readonly mounts: readonly MountPoint[];
  readonly state: ContainerState;
  readonly restartCount: number;
  /** the user stopped it: `unless-stopped` keeps it stopped */
  readonly isManuallyStopped: boolean;
}

/** A container with what is only known live. */
export interface ContainerView extends Container {
  readonly endpoints: readonly ContainerEndpoint[];
  readonly ports: readonly ContainerPort[];
  readonly sandboxKey: string;
  readonly sandboxId: string;
  readonly execIds: readonly ExecId[];
  readonly logPath: string;
  readonly hostsPath: string;
  readonly hostnamePath: string;
  readonly resolvConfPath: string;
  readonly snapshotDirectories?: {
    /** how the layers below are kept; an overlay of both is what is mounted */
    readonly driver: string;
    readonly upper: string;
    readonly lowers: readonly string[];
    readonly merged: string;
  };
}

/** Query of a list; filter semantics are Docker's (`docker ps --filter`). */
export interface ContainerFilter {
  readonly all: boolean;
  /** newest n, whatever their state */
  readonly limit?: number;
  /** filter name → accepted values, as the API's `filters` decodes */
  readonly filters: ReadonlyMap<string, readonly string[]>;
}

export interface Exec {
  readonly id: ExecId;
  readonly containerId: ContainerId;
  readonly isRunning: boolean;
  readonly exitCode?: number;
  readonly pid?: number;
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  readonly hasTerminal: boolean;
  readonly detachKeys: string;
  readonly entrypoint: string;
  readonly args: readonly string[];
  readonly user: string;
  readonly isPrivileged: boolean;
  readonly canRemove: boolean;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly isPrivileged: boolean;
  readonly hasTerminal: boolean;
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  readonly detachKeys: string;
  readonly consoleSize?: { readonly rows: number; readonly columns: number };
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface LogRequest {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** nanoseconds since 1970 */
  readonly sinceNanos?: bigint;
  readonly untilNanos?: bigint;
  /** number of last lines; absent: all */
  readonly tail?: number;
  readonly isFollowing: boolean;
  readonly hasTimestamps: boolean;
  readonly hasDetails: boolean;
  /** neighbouring lines may share a frame of the stream */
  readonly sharesFrames: boolean;
}
