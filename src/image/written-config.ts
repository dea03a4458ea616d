import type { ContainerConfig } from '#spec/docker/container-config';

/** The `config` member of an image configuration, as written: only what is set. */
export interface WrittenConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  OnBuild?: string[];
  Healthcheck?: WrittenHealthcheck;
  Shell?: readonly string[];
  /** seconds */
  StopTimeout?: number;
}

/** Durations in nanoseconds; what is absent is inherited, or the default. */
export interface WrittenHealthcheck {
  Test?: readonly string[];
  Interval?: number;
  Timeout?: number;
  Retries?: number;
  StartPeriod?: number;
  StartInterval?: number;
}

/** What an image says of its containers: what is set. What is one container's own, such as its host name, is left out. */
export function toWritten(config: ContainerConfig): WrittenConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal } = config;
  const { OnBuild, Healthcheck, Shell, StopTimeout } = config;
  return {
    ...(User && { User }),
    ...(ExposedPorts.length > 0 && { ExposedPorts: setOf(ExposedPorts) }),
    ...(Env.length > 0 && { Env }),
    ...(Entrypoint && { Entrypoint }),
    ...(Cmd && { Cmd }),
    ...(Volumes.length > 0 && { Volumes: setOf(Volumes) }),
    ...(WorkingDir && { WorkingDir }),
    ...(Object.keys(Labels).length > 0 && { Labels }),
    ...(StopSignal && { StopSignal }),
    ...(OnBuild?.length && { OnBuild }),
    ...(Healthcheck && { Healthcheck: withoutZeros(Healthcheck) }),
    ...(Shell?.length && { Shell }),
    ...(StopTimeout !== undefined && { StopTimeout }),
  };
}

function withoutZeros({ Test, ...numbers }: NonNullable<ContainerConfig['Healthcheck']>) {
  return { Test, ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0)) };
}

function setOf(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map(key => [key, {}]));
}
