import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../log-choices.ts';
import { isAnyAddress, isLoopback, type ListenAddress, parseListenAddress, urlOf } from './listen-address.ts';

export const DEFAULT_HUB_ROOT = '/var/lib/quai-hub';
/** The machine's own hub finds its configuration there; one with another root has to be told. */
export const DEFAULT_HUB_CONFIG = '/etc/quai/hub.json';
const DEFAULT_LISTEN = '127.0.0.1:5000';

const SIGN_UP = ['open', 'closed'] as const;
const ANONYMOUS = ['none', 'pull', 'push'] as const;

const path = v.pipe(v.string(), v.minLength(1, 'must name a file'));
const listenAddress = v.pipe(
  v.string(),
  v.check(
    text => parseListenAddress(text) !== undefined,
    'must look like 127.0.0.1:5000, [::1]:5000, or :5000 for all addresses of this host',
  ),
);
const publicUrl = v.pipe(
  v.string(),
  v.check(isOrigin, 'must look like https://hub.example.com, without a path'),
);

/** Everything that can be configured, from flags over the file over the defaults. Unknown keys are errors: they are typos. */
const HubFile = v.strictObject({
  root: v.optional(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))),
  listen: v.optional(v.pipe(v.array(listenAddress), v.minLength(1, 'must name an address'))),
  'tls-cert': v.optional(path),
  'tls-key': v.optional(path),
  'insecure-http': v.optional(v.boolean()),
  'public-url': v.optional(publicUrl),
  'sign-up': v.optional(v.picklist(SIGN_UP, `must be one of ${SIGN_UP.join(', ')}`)),
  anonymous: v.optional(v.picklist(ANONYMOUS, `must be one of ${ANONYMOUS.join(', ')}`)),
  'behind-proxy': v.optional(v.boolean()),
  'private-webhooks': v.optional(v.boolean()),
  admin: v.optional(v.string()),
  'admin-password-file': v.optional(path),
  'log-format': v.optional(v.picklist(LOG_FORMATS, `must be one of ${LOG_FORMATS.join(', ')}`)),
  'log-level': v.optional(v.picklist(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)),
});

export interface HubConfig {
  readonly root: string;
  readonly listen: readonly ListenAddress[];
  /** paths of PEM files */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** as given; otherwise it follows from the certificate, or from where the hub listens */
  readonly publicUrl: string | undefined;
  readonly signUp: (typeof SIGN_UP)[number];
  /** what callers without an account may do */
  readonly anonymous: (typeof ANONYMOUS)[number];
  /** whether a client's address is what a proxy says that it is */
  readonly isBehindProxy: boolean;
  /** whether webhooks may lead to this host and into private networks */
  readonly hasPrivateWebhooks: boolean;
  /** made when nobody is there yet */
  readonly admin: { readonly name: string; readonly passwordFile: string } | undefined;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
}

const USAGE = `Usage: quai hub serve [OPTIONS]

A registry with accounts, pages and a search, in the foreground. It needs no root and no engine.

Options:
      --config FILE          JSON file with these options by their long names; listen is a list
                             (default without --root: ${DEFAULT_HUB_CONFIG}, if it is there)
      --root DIR             Where images and the database are kept (default ${DEFAULT_HUB_ROOT})
  -l, --listen ADDRESS       IP address and port, may be given several times; :443 is all addresses (default ${DEFAULT_LISTEN})
      --tls-cert FILE        Certificate, with those it depends on, as PEM; SIGHUP has it read again
      --tls-key FILE         Its private key
      --insecure-http        Serve other hosts without TLS: passwords and images can be read and changed on their way
      --public-url URL       How others reach the hub (default: the name in the certificate, or where it listens)
      --sign-up WHO          open: whoever comes may have an account; closed: administrators make them (default closed)
      --anonymous WHAT       What callers without an account may do: none, pull (public repositories), push (default pull)
      --behind-proxy         Addresses of clients, for limits, are what the proxy in front says (X-Forwarded-For)
      --private-webhooks     Webhooks may lead to this host and into private networks, too
      --admin NAME           Make this administrator when there are no accounts yet, instead of a link for a browser
      --admin-password-file FILE  The first line is that administrator's password
      --log-format FORMAT    ${LOG_FORMATS.join(', ')} (default: human on a terminal, journal where systemd keeps what is
                             printed, otherwise json)
      --log-level LEVEL      ${LOG_LEVELS.join(', ')} (default info)
      --help                 Print this`;

const FLAGS = {
  config: { type: 'string' },
  root: { type: 'string' },
  listen: { type: 'string', multiple: true, short: 'l' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'insecure-http': { type: 'boolean' },
  'public-url': { type: 'string' },
  'sign-up': { type: 'string' },
  anonymous: { type: 'string' },
  'behind-proxy': { type: 'boolean' },
  'private-webhooks': { type: 'boolean' },
  admin: { type: 'string' },
  'admin-password-file': { type: 'string' },
  'log-format': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** What the configuration depends on besides its flags and its file. */
export interface HubSurroundings {
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
export function loadHubConfig(
  args: readonly string[],
  surroundings: HubSurroundings,
): HubConfig | { readonly usage: string } {
  const { help, config, ...flags } = parseFlags(args);
  if (help) return { usage: USAGE };
  const { defaultConfig } = surroundings;
  const isDefault = flags.root === undefined && defaultConfig !== undefined && existsSync(defaultConfig);
  const file = config ?? (isDefault ? defaultConfig : undefined);
  const parsed = v.safeParse(HubFile, { ...(file === undefined ? {} : readConfigFile(file)), ...flags });
  if (!parsed.success) throw notValid(parsed.issues, file);
  return checked(withDefaults(parsed.output, surroundings), parsed.output);
}

function notValid(issues: readonly v.InferIssue<typeof HubFile>[], file: string | undefined): EngineError {
  const known = Object.keys(HubFile.entries).join(', ');
  const problems = issues.map(issue => {
    const what =
      issue.type === 'strict_object' ? `there is no such option; there are ${known}` : issue.message;
    return `${v.getDotPath(issue) ?? 'configuration'}: ${what}`;
  });
  const source = file === undefined ? '' : ` (flags, and the file ${file})`;
  return new EngineError('invalid', `the hub's configuration is not valid: ${problems.join('; ')}${source}`);
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, allowPositionals: false }).values;
  } catch (error) {
    throw new EngineError(
      'invalid',
      `${messageOf(error)}\n\nRun 'quai hub serve --help' for more information`,
      {
        cause: error,
      },
    );
  }
}

function readConfigFile(file: string): object {
  try {
    const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof content === 'object' && content !== null) return content;
    throw new TypeError('it must be a JSON object');
  } catch (error) {
    throw new EngineError('invalid', `cannot read the configuration file "${file}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

type Given = v.InferOutput<typeof HubFile>;

function withDefaults(given: Given, { logFormat }: HubSurroundings): HubConfig {
  const { 'tls-cert': certificate, 'tls-key': key, admin, 'admin-password-file': passwordFile } = given;
  return {
    root: resolve(given.root ?? DEFAULT_HUB_ROOT),
    listen: (given.listen ?? [DEFAULT_LISTEN]).flatMap(text => parseListenAddress(text) ?? []),
    tls: together({ certificate, key }, '--tls-cert and --tls-key'),
    publicUrl: given['public-url'] && new URL(given['public-url']).origin,
    signUp: given['sign-up'] ?? 'closed',
    anonymous: given.anonymous ?? 'pull',
    isBehindProxy: given['behind-proxy'] ?? false,
    hasPrivateWebhooks: given['private-webhooks'] ?? false,
    admin: together({ name: admin, passwordFile }, '--admin and --admin-password-file'),
    logFormat: given['log-format'] ?? logFormat,
    logLevel: given['log-level'] ?? 'info',
  };
}

/** All of them or none. @throws {EngineError} `invalid`. */
function together<Key extends string>(
  parts: Readonly<Record<Key, string | undefined>>,
  names: string,
): Readonly<Record<Key, string>> | undefined {
  const given = Object.values<string | undefined>(parts).filter(part => part !== undefined);
  if (given.length === 0) return undefined;
  if (given.length < Object.keys(parts).length) {
    throw new EngineError('invalid', `${names} go together: one of them is missing`);
  }
  return parts as Readonly<Record<Key, string>>; // none is undefined, as counted above
}

function checked(config: HubConfig, given: Given): HubConfig {
  const open = config.listen.find(address => !isLoopback(address));
  if (!config.tls && open && !given['insecure-http']) {
    throw new EngineError(
      'invalid',
      `other hosts would reach ${urlOf('http', open)} without TLS: give --tls-cert and --tls-key, listen on 127.0.0.1 alone behind a proxy that has them, or insist with --insecure-http`,
    );
  }
  const first = config.listen[0];
  if (!config.tls && config.publicUrl === undefined && first && isAnyAddress(first)) {
    throw new EngineError(
      'invalid',
      'how do others reach the hub? Say so with --public-url, such as http://hub.example.com:5000: clients are sent there for tokens',
    );
  }
  return config;
}

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  if (!url || !['http:', 'https:'].includes(url.protocol)) return false;
  return url.href === `${url.origin}/`;
}
