import { EngineError } from '#base/errors';
import { buildSpec, processCapabilities } from '#runtime/oci-spec/build-spec';
import { grantedCapabilities } from '#runtime/oci-spec/capabilities';
import { execEnvironment } from '#runtime/oci-spec/environment';
import type { ResolvedMount, SharedMemory } from '#runtime/oci-spec/mounts';
import { type NamespacePaths, sharedContainer } from '#runtime/oci-spec/namespaces';
import { checkProcessPaths } from '#runtime/oci-spec/path-limits';
import { rlimits } from '#runtime/oci-spec/rlimits';
import type { SeccompSetting } from '#runtime/oci-spec/seccomp-filters';
import { parseSecurityOptions } from '#runtime/oci-spec/security-options';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import { checkWorkingDirectory, ensureWorkingDirectory } from '#runtime/oci-spec/working-directory';
import type { OciProcess, OciSpec } from '#spec/oci/runtime-spec';
import type { Container, ExecRequest } from './container.ts';
import { cgroupPath } from './container-paths.ts';
import type { ContainerContext } from './context.ts';
import type { NetworkSetup } from './start-network.ts';

export interface StartInputs {
  readonly mounts: readonly ResolvedMount[];
  readonly network: NetworkSetup;
}

/** config.json for one start: the container's settings, and what was made for it. */
export async function buildContainerSpec(
  context: ContainerContext,
  container: Container,
  { mounts, network }: StartInputs,
): Promise<OciSpec> {
  const { id, config, hostConfig, path, args } = container;
  const rootfsPath = context.paths.rootfs(id);
  const user = lookUpUser(rootfsPath, config.User, hostConfig.GroupAdd);
  const workingDir = ensureWorkingDirectory(rootfsPath, config.WorkingDir || '/');
  const shm = sharedMemory(context, container);
  const wantsInit = hostConfig.Init === true;
  if (wantsInit && context.defaults.initPath === undefined) {
    throw new EngineError(
      'unavailable',
      'there is no init program on this host for --init: install the package "tini", or name one with `quai daemon --init-path`',
    );
  }
  return buildSpec({
    id,
    config: { ...config, WorkingDir: workingDir, Env: [...config.Env, ...network.linkEnv] },
    hostConfig,
    host: context.host,
    path,
    args,
    hostname: network.hostname,
    rootfsPath,
    mounts,
    files: network.files,
    namespaces: namespacePaths(context, container, network),
    ...(shm ? { shm } : {}),
    ...(wantsInit && context.defaults.initPath !== undefined ? { initPath: context.defaults.initPath } : {}),
    user,
    cgroupsPath: cgroupPath(container),
    seccomp: await seccompOf(context, container),
    ...(context.defaults.pidsLimit === undefined ? {} : { defaultPidsLimit: context.defaults.pidsLimit }),
  });
}

/** The process of an exec: the container's environment, limits and rights unless the request says otherwise. */
export function buildExecProcess(
  context: ContainerContext,
  container: Container,
  request: ExecRequest,
): OciProcess {
  const { config, hostConfig } = container;
  const rootfs = context.paths.rootfs(container.id);
  const user = lookUpUser(rootfs, request.user || config.User, hostConfig.GroupAdd);
  const isPrivileged = hostConfig.Privileged || request.isPrivileged;
  const granted = grantedCapabilities({ ...hostConfig, Privileged: isPrivileged }, context.host.capabilities);
  const security = parseSecurityOptions(hostConfig.SecurityOpt);
  const size = request.consoleSize;
  const process: OciProcess = {
    terminal: request.hasTerminal,
    ...(size ? { consoleSize: { height: size.rows, width: size.columns } } : {}),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
    args: request.command,
    env: execEnvironment(
      { env: config.Env, hostname: config.Hostname, hasTerminal: request.hasTerminal, home: user.home },
      request.env,
    ),
    cwd: checkWorkingDirectory(request.workingDir || config.WorkingDir || '/'),
    capabilities: processCapabilities(granted, user.uid),
    rlimits: rlimits(hostConfig.Ulimits),
    noNewPrivileges: security.hasNoNewPrivileges,
    oomScoreAdj: hostConfig.OomScoreAdj,
  };
  checkProcessPaths(process);
  return process;
}

async function seccompOf(
  { seccomp, host, defaults }: ContainerContext,
  { hostConfig }: Container,
): Promise<SeccompSetting> {
  return await seccomp.setting({
    seccomp: parseSecurityOptions(hostConfig.SecurityOpt).seccomp,
    isPrivileged: hostConfig.Privileged,
    capabilities: grantedCapabilities(hostConfig, host.capabilities),
    takesProgram: (hostConfig.Runtime || defaults.runtime) === 'crun',
  });
}

function namespacePaths(
  context: ContainerContext,
  { hostConfig }: Container,
  network: NetworkSetup,
): NamespacePaths {
  const pid = processOf(context, hostConfig.PidMode, 'PID');
  const ipc = processOf(context, hostConfig.IpcMode, 'IPC');
  return {
    ...(network.namespacePath === undefined ? {} : { network: network.namespacePath }),
    ...(pid === undefined ? {} : { pid: `/proc/${pid}/ns/pid` }),
    ...(ipc === undefined ? {} : { ipc: `/proc/${ipc}/ns/ipc` }),
  };
}

/** The first process of the container that a mode of `container:NAME` names. */
function processOf(context: ContainerContext, mode: string, kind: string): number | undefined {
  const reference = sharedContainer(mode);
  if (reference === undefined) return undefined;
  const other = context.index.get(reference);
  if (other.state.status !== 'running' || other.state.pid === undefined) {
    throw new EngineError(
      'conflict',
      `cannot join ${kind} namespace of a non running container: ${other.id}`,
    );
  }
  return other.state.pid;
}

/** Where `/dev/shm` comes from when it is shared; `undefined`: by the mode alone. */
export function sharedMemory(
  context: ContainerContext,
  { id, hostConfig }: Container,
): SharedMemory | undefined {
  if (hostConfig.IpcMode === 'shareable') return { kind: 'bind', source: context.paths.shm(id) };
  const reference = sharedContainer(hostConfig.IpcMode);
  if (reference === undefined) return undefined;
  const other = context.index.get(reference);
  if (other.hostConfig.IpcMode === 'shareable') return { kind: 'bind', source: context.paths.shm(other.id) };
  if (other.hostConfig.IpcMode === 'host') return { kind: 'bind', source: '/dev/shm' };
  throw new EngineError(
    'conflict',
    `cannot join IPC of a container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  );
}
