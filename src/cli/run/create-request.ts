import { attachedStreams } from './attach-streams.ts';
import type { CreateBody } from './create-body.ts';
import type { CreateInvocation } from './create-flags.ts';
import { readDevices } from './devices.ts';
import { readEnv, readLabels } from './env-files.ts';
import { readHealthcheck } from './healthcheck.ts';
import { checkHostOnlyOptions, readHostOptions } from './host-options.ts';
import type { LocalFiles } from './local-files.ts';
import { readMounts } from './mounts.ts';
import { readNetworks } from './networks.ts';
import { readPorts } from './ports.ts';
import { readResources, readSwappiness } from './resources.ts';
import { readSecurity } from './security.ts';
import { readVolumes } from './volumes.ts';
import { withoutEmpty } from './without-empty.ts';

/**
 * The options of `run` and `create`, the image and its command, as the engine takes them. What was not said is left out,
 * so that the engine's defaults apply.
 *
 * @throws {UsageError} for a value that an option cannot take. @throws {CliError} for options that exclude each other.
 */
export function toCreateRequest({ flags, given, args }: CreateInvocation, files: LocalFiles): CreateBody {
  checkHostOnlyOptions(flags, given);
  const [image = '', ...words] = args;
  const attached = attachedStreams(flags);
  const ports = readPorts(flags);
  const volumes = readVolumes(flags.volume, files);
  const networks = readNetworks(flags);
  const security = readSecurity(flags['security-opt'], files);
  const devices = readDevices(flags);
  const stopTimeout = flags['stop-timeout'];
  return {
    ...withoutEmpty({
      Hostname: flags.hostname,
      Domainname: flags.domainname,
      User: flags.user,
      Tty: flags.tty,
      OpenStdin: flags.interactive,
      StdinOnce: flags.interactive && attached.AttachStdin,
      ExposedPorts: ports.exposed,
      Env: readEnv(flags['env-file'], flags.env, files),
      Cmd: words,
      Volumes: volumes.anonymous,
      WorkingDir: flags.workdir,
      Entrypoint: entrypoint(flags.entrypoint, given),
      MacAddress: networks.macAddress,
      Labels: readLabels(flags['label-file'], flags.label, files),
      StopSignal: flags['stop-signal'],
      Healthcheck: readHealthcheck(flags),
    }),
    ...attached,
    Image: image,
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
    HostConfig: {
      ...withoutEmpty({
        ...readHostOptions(flags),
        ...readResources(flags),
        Binds: volumes.binds,
        Mounts: readMounts(flags.mount, files),
        NetworkMode: networks.mode,
        PortBindings: ports.bindings,
        Links: flags.link,
        SecurityOpt: security.options,
        Devices: devices.mappings,
        DeviceRequests: devices.requests,
        Tmpfs: readTmpfs(flags.tmpfs),
      }),
      ...readSwappiness(flags['memory-swappiness']),
      ...security.unmasked,
      ...(given.has('init') ? { Init: flags.init } : {}),
    },
    ...withoutEmpty({ NetworkingConfig: networks.config }),
  };
}

/** `--entrypoint ""` resets the image's; one without value leaves it. */
function entrypoint(text: string, given: ReadonlySet<string>): string[] {
  return given.has('entrypoint') ? [text] : [];
}

/** `/run:size=64m` is the path and what mount(8) takes. */
function readTmpfs(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.map(text => splitAtFirst(text, ':')));
}

function splitAtFirst(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
