import type { ContainerConfig } from '#spec/docker/container-config';
import type { ApiMinor } from './api-version.ts';

/** Engine API `ContainerConfig`: which of the empty fields are `null`, empty or absent is what Go's tags make of them. */
export function configToWire(config: ContainerConfig, version: ApiMinor) {
  return {
    Hostname: config.Hostname,
    Domainname: config.Domainname,
    User: config.User,
    AttachStdin: config.AttachStdin,
    AttachStdout: config.AttachStdout,
    AttachStderr: config.AttachStderr,
    ...(config.ExposedPorts.length > 0 ? { ExposedPorts: toKeySet(config.ExposedPorts) } : {}),
    Tty: config.Tty,
    OpenStdin: config.OpenStdin,
    StdinOnce: config.StdinOnce,
    Env: config.Env,
    Cmd: config.Cmd ?? null,
    ...healthcheckToWire(config.Healthcheck),
    ...(config.ArgsEscaped ? { ArgsEscaped: true } : {}),
    Image: config.Image,
    Volumes: config.Volumes.length > 0 ? toKeySet(config.Volumes) : null,
    WorkingDir: config.WorkingDir,
    Entrypoint: config.Entrypoint ?? null,
    ...(config.NetworkDisabled ? { NetworkDisabled: true } : {}),
    ...(config.MacAddress && version < 52 ? { MacAddress: config.MacAddress } : {}),
    ...(version < 52 || config.OnBuild?.length ? { OnBuild: config.OnBuild ?? null } : {}),
    Labels: config.Labels,
    ...(config.StopSignal ? { StopSignal: config.StopSignal } : {}),
    ...(config.StopTimeout === undefined ? {} : { StopTimeout: config.StopTimeout }),
    ...(config.Shell?.length ? { Shell: config.Shell } : {}),
  };
}

/** Only what is set. */
export function healthcheckToWire(healthcheck: ContainerConfig['Healthcheck']) {
  if (!healthcheck) return {};
  const set = Object.entries(healthcheck).filter(([, value]) =>
    Array.isArray(value) ? value.length > 0 : value !== 0,
  );
  return { Healthcheck: Object.fromEntries(set) };
}

/** A Go `map[string]struct{}`. */
export function toKeySet(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map(key => [key, {}]));
}
