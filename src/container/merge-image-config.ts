import { EngineError, isKind } from '#base/errors';
import type { ContainerConfig, HealthConfig } from '#spec/docker/container-config';
import type { HostConfig } from '#spec/docker/host-config';
import { checkExecLimits, type MergedConfig } from './exec-limits.ts';
import { parseContainerPorts } from './port-spec.ts';

/** Each becomes a directory and a mount. */
const MOST_IMAGE_VOLUMES = 500;

/**
 * A request with what it leaves open taken from its image, by Docker's rules (moby: daemon/commit.go, `merge`):
 * a new entrypoint also drops the image's command, maps are united, a variable or label of the client wins.
 *
 * @param limits of the container; they bound what Linux executes
 * @throws {EngineError} `invalid` when there is nothing to run, or more than Linux executes.
 */
export function mergeImageConfig(
  request: ContainerConfig,
  image: ContainerConfig | undefined,
  limits: Pick<HostConfig, 'Ulimits'> = { Ulimits: [] },
): MergedConfig {
  const config = image ? mergedConfig(request, image) : request;
  // `--entrypoint ""` arrives as one empty word: none, and not the image's either.
  const isReset = config.Entrypoint?.length === 1 && config.Entrypoint[0] === '';
  const final = isReset ? { ...config, Entrypoint: undefined } : config;
  const [path, ...args] = [...(final.Entrypoint ?? []), ...(final.Cmd ?? [])];
  if (path === undefined) {
    throw new EngineError('invalid', 'no command specified');
  }
  const result = { config: final, path, args };
  checkExecLimits(result, limits);
  return result;
}

/** The request with what it leaves open taken from the other. @throws {EngineError} `invalid` for too many volumes. */
export function mergedConfig(request: ContainerConfig, image: ContainerConfig): ContainerConfig {
  if (image.Volumes.length > MOST_IMAGE_VOLUMES) {
    throw new EngineError(
      'invalid',
      `the image declares ${image.Volumes.length} volumes, at most ${MOST_IMAGE_VOLUMES} are allowed`,
    );
  }
  return {
    ...request,
    ...mergedCommand(request, image),
    User: request.User || image.User,
    WorkingDir: request.WorkingDir || image.WorkingDir,
    StopSignal: request.StopSignal || image.StopSignal,
    ExposedPorts: united(request.ExposedPorts, image.ExposedPorts.filter(isPort)),
    Volumes: united(request.Volumes, image.Volumes),
    Env: mergedEnv(request.Env, image.Env),
    Labels: { ...image.Labels, ...request.Labels },
    Healthcheck: mergedHealthcheck(request.Healthcheck, image.Healthcheck),
    Shell: request.Shell?.length ? request.Shell : image.Shell,
    StopTimeout: request.StopTimeout ?? image.StopTimeout,
  };
}

function mergedCommand(
  request: ContainerConfig,
  image: ContainerConfig,
): Pick<ContainerConfig, 'Entrypoint' | 'Cmd' | 'ArgsEscaped'> {
  const { Entrypoint, Cmd, ArgsEscaped } = request;
  if (Entrypoint?.length) return { Entrypoint, Cmd, ArgsEscaped };
  return {
    Entrypoint: Entrypoint ?? image.Entrypoint,
    Cmd: Cmd?.length ? Cmd : image.Cmd,
    ArgsEscaped: Cmd?.length ? ArgsEscaped : image.ArgsEscaped,
  };
}

/** The client's first, as Docker lists them; a bare name of the client keeps the image's variable away. */
function mergedEnv(request: readonly string[], image: readonly string[]): string[] {
  const own = new Set(request.map(nameOf));
  return [...request, ...image.filter(entry => !own.has(nameOf(entry)))];
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? '';
}

/** Field by field: what the client leaves at zero is the image's. `NONE` of the client stays and turns it off. */
function mergedHealthcheck(
  request: HealthConfig | undefined,
  image: HealthConfig | undefined,
): HealthConfig | undefined {
  if (!request || !image) return request ?? image;
  return {
    Test: request.Test.length > 0 ? request.Test : image.Test,
    Interval: request.Interval || image.Interval,
    Timeout: request.Timeout || image.Timeout,
    Retries: request.Retries || image.Retries,
    StartPeriod: request.StartPeriod || image.StartPeriod,
    StartInterval: request.StartInterval || image.StartInterval,
  };
}

/** Nobody has checked what an image says; what is no port is passed over, as everything that lists ports would stumble. */
function isPort(text: string): boolean {
  try {
    parseContainerPorts(text);
    return true;
  } catch (error) {
    if (!isKind(error, 'invalid')) throw error;
    return false;
  }
}

function united(request: readonly string[], image: readonly string[]): string[] {
  return [...new Set([...request, ...image])];
}
