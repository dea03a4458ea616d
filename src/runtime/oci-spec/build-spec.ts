import { EngineError } from '#base/errors';
import type { ContainerConfig } from '#spec/docker/container-config';
import type { HostConfig } from '#spec/docker/host-config';
import { DEFAULT_READONLY_PATHS } from '#spec/docker/protected-paths';
import type { OciProcess, OciSpec } from '#spec/oci/runtime-spec';
import { harmlessAnnotations } from './annotations.ts';
import { grantedCapabilities } from './capabilities.ts';
import { deviceSettings } from './devices.ts';
import { containerEnvironment } from './environment.ts';
import { sysctlScope } from './fit-host-config.ts';
import type { HostFacts } from './host-facts.ts';
import { cleanDestination, INIT_PATH, ociMounts, type ResolvedMount, type SharedMemory } from './mounts.ts';
import { type NamespacePaths, namespaces, sharedContainer } from './namespaces.ts';
import { checkSpecPaths } from './path-limits.ts';
import { resources } from './resources.ts';
import { rlimits } from './rlimits.ts';
import type { SeccompSetting } from './seccomp-filters.ts';
import { parseSecurityOptions, type SecurityOptions } from './security-options.ts';
import { checkSysctls } from './sysctls.ts';
import type { ProcessUser } from './user-lookup.ts';
import { checkWorkingDirectory } from './working-directory.ts';

export interface SpecInput {
  readonly id: string;
  /** image and request merged */
  readonly config: ContainerConfig;
  /** as `fitHostConfig` returned it */
  readonly hostConfig: HostConfig;
  readonly host: HostFacts;
  readonly path: string;
  readonly args: readonly string[];
  readonly hostname: string;
  readonly rootfsPath: string;
  readonly mounts: readonly ResolvedMount[];
  /** host paths of the generated files; absent ones stay as the image has them */
  readonly files: { readonly resolvConf?: string; readonly hosts?: string; readonly hostname?: string };
  readonly namespaces: NamespacePaths;
  /** absent: by `IpcMode` and `ShmSize`; needed for `shareable` and `container:` */
  readonly shm?: SharedMemory;
  /** host path of the init program; absent: no `--init` */
  readonly initPath?: string;
  readonly user: ProcessUser;
  readonly cgroupsPath: string;
  readonly seccomp: SeccompSetting;
  /** how many processes a container may have that sets no limit; absent: no limit */
  readonly defaultPidsLimit?: number;
}

const OCI_VERSION = '1.0.2';
/** crun only; takes the program that `seccomp(SECCOMP_SET_MODE_FILTER)` takes, base64 */
const SECCOMP_ANNOTATION = 'run.oci.seccomp_bpf_data';

/**
 * The `config.json` of a container, as Docker would have it.
 *
 * Reads the host only where a setting names something there: devices, and the mount table for shared propagation.
 *
 * @throws {EngineError} `invalid` with Docker's wording.
 */
export function buildSpec(input: SpecInput): OciSpec {
  const { config, hostConfig, host } = input;
  const security = parseSecurityOptions(hostConfig.SecurityOpt);
  const devices = deviceSettings(hostConfig);
  const hasOwnUts = hostConfig.UTSMode !== 'host';
  const limited = { ...hostConfig, PidsLimit: hostConfig.PidsLimit ?? input.defaultPidsLimit };
  const { mounts, rootfsPropagation } = specMounts(input);
  const spec: OciSpec = {
    ociVersion: OCI_VERSION,
    ...(hasOwnUts && { hostname: input.hostname }),
    process: specProcess(input, security),
    root: { path: input.rootfsPath, readonly: hostConfig.ReadonlyRootfs },
    mounts,
    annotations: annotations(input),
    linux: {
      namespaces: namespaces(hostConfig, input.namespaces),
      devices: devices.devices,
      cgroupsPath: input.cgroupsPath,
      resources: resources(limited, devices.rules),
      sysctl: sysctls(hostConfig, host, hasOwnUts ? config.Domainname : ''),
      ...(input.seccomp.kind === 'profile' && { seccomp: input.seccomp.profile }),
      ...systemPaths(hostConfig, host, security),
      ...(rootfsPropagation !== undefined && { rootfsPropagation }),
    },
  };
  checkSpecPaths(spec);
  return spec;
}

function specProcess(input: SpecInput, security: SecurityOptions): OciProcess {
  const { config, hostConfig, host, user } = input;
  const size = config.Tty ? hostConfig.ConsoleSize : undefined;
  const apparmor = host.hasApparmor ? security.apparmor : undefined;
  const granted = grantedCapabilities(hostConfig, host.capabilities);
  return checkText({
    terminal: config.Tty,
    ...(size && size[0] > 0 && size[1] > 0 && { consoleSize: { height: size[0], width: size[1] } }),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
    args: processArguments(input),
    env: containerEnvironment({
      env: config.Env,
      hostname: input.hostname,
      hasTerminal: config.Tty,
      home: user.home,
    }),
    cwd: checkWorkingDirectory(config.WorkingDir || '/'),
    capabilities: processCapabilities(granted, user.uid),
    rlimits: rlimits(hostConfig.Ulimits, host.ulimits),
    noNewPrivileges: security.hasNoNewPrivileges,
    oomScoreAdj: hostConfig.OomScoreAdj,
    ...(apparmor !== undefined && { apparmorProfile: apparmor }),
  });
}

/**
 * Capability sets of a process. Root gets all that were granted; any other user only what a file or the ambient
 * set would give, which is nothing: the bounding set alone limits set-user-ID programs (as Docker does).
 */
export function processCapabilities(granted: readonly string[], uid: number): OciProcess['capabilities'] {
  const held = uid === 0 ? granted : [];
  return { bounding: granted, effective: held, permitted: held, inheritable: [], ambient: [] };
}

function processArguments({ path, args, hostConfig, initPath }: SpecInput): readonly string[] {
  // Only in its own pid name space is it process 1; elsewhere an init would reap nothing.
  const hasInit = initPath !== undefined && hostConfig.PidMode === '';
  return hasInit ? [INIT_PATH, '--', path, ...args] : [path, ...args];
}

function specMounts(input: SpecInput): ReturnType<typeof ociMounts> {
  const { hostConfig, host, initPath } = input;
  return ociMounts({
    mounts: [...generatedFiles(input), ...input.mounts],
    tmpfs: hostConfig.Tmpfs,
    shm: input.shm ?? sharedMemory(hostConfig),
    isPrivileged: hostConfig.Privileged,
    isRootReadOnly: hostConfig.ReadonlyRootfs,
    hasRecursiveReadOnly: host.hasRecursiveReadOnly,
    ...(initPath !== undefined && hostConfig.PidMode === '' && { initPath }),
  });
}

function generatedFiles({ files, mounts, hostConfig }: SpecInput): readonly ResolvedMount[] {
  const taken = new Set(mounts.map(({ destination }) => cleanDestination(destination)));
  const wanted = [
    ['/etc/resolv.conf', files.resolvConf],
    ['/etc/hostname', files.hostname],
    ['/etc/hosts', files.hosts],
  ] as const;
  return wanted.flatMap(([destination, source]): readonly ResolvedMount[] => {
    if (source === undefined || taken.has(destination)) return [];
    const isWritable = !hostConfig.ReadonlyRootfs;
    return [
      {
        type: 'bind',
        source,
        destination,
        isWritable,
        propagation: 'rprivate',
        recursiveReadOnly: 'disabled',
      },
    ];
  });
}

function sharedMemory({ IpcMode, ShmSize }: HostConfig): SharedMemory {
  if (IpcMode === 'none') return { kind: 'none' };
  if (IpcMode === 'host') return { kind: 'bind', source: '/dev/shm' };
  if (IpcMode === 'private' || IpcMode === '') return { kind: 'private', sizeBytes: ShmSize };
  throw new TypeError(`the shared memory of IPC mode "${IpcMode}" was not given`);
}

function annotations({ hostConfig, seccomp }: SpecInput): OciSpec['annotations'] {
  // Ours come last: an annotation must not take the filter away.
  return {
    ...harmlessAnnotations(hostConfig.Annotations),
    ...(seccomp.kind === 'program' && { [SECCOMP_ANNOTATION]: seccomp.base64 }),
  };
}

function sysctls(config: HostConfig, host: HostFacts, domainname: string): Readonly<Record<string, string>> {
  checkSysctls(config.Sysctls, sysctlScope(config));
  const hasOwnNetwork = config.NetworkMode !== 'host' && sharedContainer(config.NetworkMode) === undefined;
  return {
    ...(hasOwnNetwork && host.networkSysctls),
    ...(domainname !== '' && { 'kernel.domainname': domainname }),
    ...config.Sysctls,
  };
}

function systemPaths(
  { Privileged, MaskedPaths, ReadonlyPaths }: HostConfig,
  host: HostFacts,
  security: SecurityOptions,
): { readonly maskedPaths: readonly string[]; readonly readonlyPaths: readonly string[] } {
  const isOpen = Privileged || security.hasOpenSystemPaths;
  return {
    maskedPaths: MaskedPaths ?? (isOpen ? [] : host.maskedPaths),
    readonlyPaths: ReadonlyPaths ?? (isOpen ? [] : DEFAULT_READONLY_PATHS),
  };
}

/** A NUL would cut a string where the kernel takes over. @throws {EngineError} `invalid`. */
function checkText(process: OciProcess): OciProcess {
  const bad = [...process.args, ...process.env].find(text => text.includes('\0'));
  if (bad === undefined) return process;
  throw new EngineError(
    'invalid',
    `invalid argument or environment variable: ${JSON.stringify(bad)} contains a NUL`,
  );
}
