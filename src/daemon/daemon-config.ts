import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { FAULT_POINTS } from '#base/fault-points';
import type { CleanupPolicy } from '#image/cleanup/cleanup-plan';
import { DOCKER_PLUGIN_PLACES, type PluginPlaces } from '#plugin/plugin-discovery';
import { parseLogConfig } from '#runtime/log/log-config';
import { CleanupConfig, cleanupPolicy } from './cleanup-config.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from './log-choices.ts';
import { NETWORK_KEYS, type NetworkOptions, networkOptions } from './network-options.ts';
import { DEFAULT_RULES, REGISTRY_KEYS, type RegistryOptions, registryOptions } from './registry-options.ts';

export const DEFAULT_ROOT = '/var/lib/quai';
const DEFAULT_TRUST_POLICY = '/etc/quai/trust.json';
export const DEFAULT_HOST = 'unix:///run/quai.sock';

/** A fork bomb stays a matter of its own container; more than most programs ever need. */
const DEFAULT_PIDS_LIMIT = 2048;

/** The machine's own engine finds its configuration there; one with another root has to be told. */
export const DEFAULT_CONFIG = '/etc/quai/daemon.json';

const STORAGE_DRIVERS = ['auto', 'erofs', 'overlay2'] as const;

const absolutePath = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'));
const host = v.pipe(
  v.string(),
  v.regex(
    /^unix:\/\/\/.+/,
    'must look like unix:///path/to/socket (TCP needs mutual TLS, which is not implemented)',
  ),
);

/** Everything that can be configured, from flags over the file over the defaults. Unknown keys are errors: they are typos. */
const ConfigFile = v.strictObject({
  root: v.optional(absolutePath),
  'run-dir': v.optional(absolutePath),
  hosts: v.optional(v.pipe(v.array(host), v.minLength(1))),
  group: v.optional(v.string()),
  pidfile: v.optional(absolutePath),
  'log-format': v.optional(v.picklist(LOG_FORMATS)),
  'log-level': v.optional(v.picklist(LOG_LEVELS)),
  'default-runtime': v.optional(v.picklist(['crun', 'runc'])),
  'init-path': v.optional(absolutePath),
  'storage-driver': v.optional(v.picklist(STORAGE_DRIVERS)),
  bridge: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z0-9][a-z0-9_.-]{0,14}$/, 'must be an interface name of at most 15 characters'),
    ),
  ),
  'publish-default': v.optional(v.picklist(['any', 'loopback'])),
  firewall: v.optional(v.picklist(['quai', 'host'])),
  'default-pids-limit': v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1))),
  'favor-cgroup-moves': v.optional(v.boolean()),
  'favor-engine': v.optional(v.boolean()),
  'log-opts': v.optional(v.record(v.string(), v.string())),
  labels: v.optional(v.array(v.string())),
  'plugin-sockets': v.optional(v.array(absolutePath)),
  'plugin-specs': v.optional(v.array(absolutePath)),
  ...NETWORK_KEYS,
  ...REGISTRY_KEYS,
  'trust-policy': v.optional(absolutePath),
  'image-cleanup': v.optional(CleanupConfig),
  fault: v.optional(v.picklist(FAULT_POINTS)),
});

export interface DaemonConfig {
  readonly root: string;
  readonly runDir: string;
  readonly hosts: readonly string[];
  readonly group: string;
  /** where the engine writes its process ID while it runs */
  readonly pidFile: string | undefined;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
  readonly defaultRuntime: 'crun' | 'runc';
  readonly initPath: string | undefined;
  /** How new layers are kept; `auto`: as tars with an index where that can be mounted, otherwise as directories. */
  readonly storageDriver: (typeof STORAGE_DRIVERS)[number];
  /** absent: no limit */
  readonly defaultPidsLimit: number | undefined;
  /** whether moves between control groups wait for nobody while the engine runs, on the whole host */
  readonly favorsCgroupMoves: boolean;
  /** whether the thread that answers everybody gets a processor before others */
  readonly favorsEngine: boolean;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  /** folders where plugins are looked for */
  readonly pluginPlaces: PluginPlaces;
  readonly registries: RegistryOptions;
  readonly cleanup: CleanupPolicy;
  /** file that says which images must be signed; need not exist */
  readonly trustPolicy: { readonly path: string; readonly isNamed: boolean };
  readonly networks: NetworkOptions;
  /** kills the engine when it gets there: for tests */
  readonly fault: (typeof FAULT_POINTS)[number] | undefined;
  /** tells engines on one machine apart in names of links, rules and directories; empty for the default root */
  readonly instanceKey: string;
  readonly bridgeName: string;
  /** where ports are published that name no address */
  readonly publishDefault: 'any' | 'loopback';
  /** whose rules judge what comes from outside to a published port */
  readonly firewall: 'quai' | 'host';
}

const USAGE = `Usage: quai daemon [OPTIONS]

The engine, in the foreground.

Options:
      --config FILE          JSON file with these options by their long names; instead of host: hosts, a list
                             (default without --root: ${DEFAULT_CONFIG}, if it is there)
      --root DIR             Where images, volumes and the database are kept (default ${DEFAULT_ROOT})
      --run-dir DIR          Where run-time files are kept, a tmpfs (default /run/quai; with another root /run/quai-KEY)
  -H, --host unix://PATH     Socket to listen on, may be given several times (default ${DEFAULT_HOST})
      --group NAME           Group that may use the socket, if it exists (default quai)
      --pidfile FILE         Where the process ID stands while the engine runs (default: nowhere)
      --log-format FORMAT    ${LOG_FORMATS.join(', ')} (default: human on a terminal, journal where systemd keeps what is
                             printed, otherwise json)
      --log-level LEVEL      ${LOG_LEVELS.join(', ')} (default info)
      --default-runtime NAME crun or runc (default crun)
      --init-path FILE       Program for --init containers
  -s, --storage-driver NAME How new layers are kept: ${STORAGE_DRIVERS.join(', ')} (default auto: erofs where it can be mounted)
      --bridge NAME          Name of the default bridge (default quai0; with another root qKEY0)
      --publish-default WHERE  Address for published ports that name none: any (default) or loopback
      --firewall WHOSE       Whose rules judge who reaches published ports: quai (default: all may), or host: the
                             input rules of this host (ufw, firewalld, your own), as for any program on it

Only in the file:
      default-pids-limit     Processes a container may have that sets no limit (default ${DEFAULT_PIDS_LIMIT}, -1: no limit)
      favor-cgroup-moves     Whether the kernel moves processes between control groups without waiting while the engine runs: starts
                             and execs save some 10 ms, and a named hierarchy shows in /proc/PID/cgroup (default true)
      favor-engine           Whether the engine's main thread gets a processor before others, nice -10; containers and what the engine
                             starts have none of it (default true; also not where the service has a Nice= of its own)
      log-opts               Options of every container's log: max-size (default 10m), max-file (default 5), …
      labels                 Labels that \`docker info\` shows
      default-address-pools  Ranges for networks that name none: [{"base": "10.10.0.0/16", "size": 24}]
      default-network-ipv6   Whether networks have IPv6 that do not say (default true, where the host has it)
      host-dns               Address where programs of this host find containers as NAME.NETWORK.quai.internal, such as
                             127.0.0.9:53 (default: nowhere); tell the host's resolver to ask there, see docs/design/names.md
      plugin-sockets         Folders with sockets of plugins (default ${DOCKER_PLUGIN_PLACES.sockets.join(', ')})
      plugin-specs           Folders that say where plugins listen (default ${DOCKER_PLUGIN_PLACES.specs.join(', ')})

      registries             File with rules for registries: mirrors, other places, what is blocked (default ${DEFAULT_RULES})
      registry-mirrors       Mirrors of Docker Hub
      image-cleanup          dangling-days (default 7), unused-days, keep-labels, high-water and low-water in percent of the disk: what goes by itself
      trust-policy           File that says which images must be signed, by the beginning of their names (default ${DEFAULT_TRUST_POLICY})
      insecure-registries    Registries that need no TLS: host[:port], or a range of addresses
      proxies                http-proxy, https-proxy, no-proxy for registries (default: as the environment says)
      max-concurrent-downloads  Layers at a time (default 6)
      max-concurrent-uploads    The same for pushes (default 5)

      --help                 Print this

An engine of its own beside another one takes a --root and a --host; KEY follows from the root.`;

const FLAGS = {
  config: { type: 'string' },
  root: { type: 'string' },
  'run-dir': { type: 'string' },
  host: { type: 'string', multiple: true, short: 'H' },
  group: { type: 'string' },
  pidfile: { type: 'string' },
  'log-format': { type: 'string' },
  'log-level': { type: 'string' },
  'default-runtime': { type: 'string' },
  'init-path': { type: 'string' },
  'storage-driver': { type: 'string', short: 's' },
  bridge: { type: 'string' },
  'publish-default': { type: 'string' },
  firewall: { type: 'string' },
  fault: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** What the configuration depends on besides its flags and its file. */
export interface ConfigSurroundings {
  /** unless the configuration says another */
  readonly logFormat: LogFormat;
  /** read when it is there and neither `--config` nor `--root` is given */
  readonly defaultConfig?: string;
}

/**
 * Reads flags and the file they may name, and checks the whole before anything starts.
 *
 * @returns the configuration, or the usage text when that was asked for.
 * @throws {EngineError} `invalid`: a message per wrong setting.
 */
export function loadDaemonConfig(
  args: readonly string[],
  surroundings: ConfigSurroundings,
): DaemonConfig | { readonly usage: string } {
  const { help, config, host: hosts, ...flags } = parseFlags(args);
  if (help) return { usage: USAGE };
  const file = config ?? (flags.root === undefined ? ifThere(surroundings.defaultConfig) : undefined);
  const fromFile = file === undefined ? {} : readConfigFile(file);
  const parsed = v.safeParse(ConfigFile, { ...fromFile, ...flags, ...(hosts ? { hosts } : {}) });
  if (!parsed.success) {
    const problems = parsed.issues.map(
      issue =>
        `${v.getDotPath(issue) ?? 'configuration'}: ${issue.type === 'strict_object' ? noSuchOption() : issue.message}`,
    );
    const source = file === undefined ? '' : ` (flags, and the file ${file})`;
    throw new EngineError(
      'invalid',
      `the daemon's configuration is not valid: ${problems.join('; ')}${source}`,
    );
  }
  return withDefaults(parsed.output, surroundings);
}

function ifThere(path: string | undefined): string | undefined {
  return path !== undefined && existsSync(path) ? path : undefined;
}

function noSuchOption(): string {
  const known = Object.keys(ConfigFile.entries).filter(name => name !== 'fault');
  return `there is no such option; there are ${known.join(', ')}`;
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: false }).values;
  } catch (error) {
    throw new EngineError('invalid', `${messageOf(error)}\n\nRun 'quai daemon --help' for more information`, {
      cause: error,
    });
  }
}

function readConfigFile(path: string): object {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof content === 'object' && content !== null) return content;
    throw new TypeError('it must be a JSON object');
  } catch (error) {
    throw new EngineError('invalid', `cannot read the configuration file "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function withDefaults(
  given: v.InferOutput<typeof ConfigFile>,
  { logFormat }: ConfigSurroundings,
): DaemonConfig {
  parseLogConfig({ Type: '', Config: given['log-opts'] ?? {} }); // a typo is told now, not with each container
  const root = resolve(given.root ?? DEFAULT_ROOT);
  const instanceKey =
    root === DEFAULT_ROOT ? '' : createHash('sha256').update(root).digest('hex').slice(0, 8);
  return {
    root,
    runDir: resolve(given['run-dir'] ?? (instanceKey === '' ? '/run/quai' : `/run/quai-${instanceKey}`)),
    hosts: given.hosts ?? [DEFAULT_HOST],
    group: given.group ?? 'quai',
    pidFile: given.pidfile,
    logFormat: given['log-format'] ?? logFormat,
    logLevel: given['log-level'] ?? 'info',
    defaultRuntime: given['default-runtime'] ?? 'crun',
    initPath: given['init-path'],
    storageDriver: given['storage-driver'] ?? 'auto',
    defaultPidsLimit: pidsLimit(given['default-pids-limit'] ?? DEFAULT_PIDS_LIMIT),
    logOptions: given['log-opts'] ?? {},
    labels: given.labels ?? [],
    pluginPlaces: {
      sockets: given['plugin-sockets'] ?? DOCKER_PLUGIN_PLACES.sockets,
      specs: given['plugin-specs'] ?? DOCKER_PLUGIN_PLACES.specs,
    },
    registries: registryOptions(given, process.env),
    cleanup: cleanupPolicy(given['image-cleanup']),
    trustPolicy: {
      path: given['trust-policy'] ?? DEFAULT_TRUST_POLICY,
      isNamed: given['trust-policy'] !== undefined,
    },
    networks: networkOptions(given),
    fault: given.fault,
    instanceKey,
    publishDefault: given['publish-default'] ?? 'any',
    favorsCgroupMoves: given['favor-cgroup-moves'] ?? true,
    favorsEngine: given['favor-engine'] ?? true,
    firewall: given.firewall ?? 'quai',
    bridgeName: given.bridge ?? (instanceKey === '' ? 'quai0' : `q${instanceKey}0`),
  };
}

function pidsLimit(given: number): number | undefined {
  return given > 0 ? given : undefined;
}
