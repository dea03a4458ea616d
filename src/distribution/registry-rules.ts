import { BlockList, isIP } from 'node:net';
import type { Reference } from '#spec/reference';
import { notARegistry, registryBlocked } from './errors.ts';
import {
  canonicalHost,
  isHost,
  type Location,
  type Mirror,
  type RegistriesFile,
  type RegistryRule,
} from './registry-rule.ts';

/** One place where a repository can be: the registry itself, or a mirror. */
export interface Source {
  /** host[:port] */
  readonly host: string;
  /** tried in this order; the second only when the first does not speak */
  readonly schemes: readonly ('https' | 'http')[];
  /** whether the registry must prove who it is */
  readonly isVerified: boolean;
  /** the name there */
  readonly repository: string;
  readonly isMirror: boolean;
  /** whether it is asked what a tag stands for */
  readonly knowsTags: boolean;
  /** whether the user's credentials are for it */
  readonly takesCredentials: boolean;
  /** absent: no restriction beyond the general rule */
  readonly authHosts?: readonly string[];
  /** PEM files beside those of certs.d */
  readonly tlsFiles: TlsFiles;
}

export interface TlsFiles {
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** Docker's own two keys. */
export interface DockerRegistryOptions {
  /** mirrors of Docker Hub */
  readonly mirrors?: readonly Location[];
  /** `host[:port]`, or an address range such as `10.0.0.0/8` */
  readonly insecure?: readonly string[];
}

const DOCKER_HUB = 'docker.io';
/** Where Docker Hub answers the distribution API. */
const HUB_HOST = 'registry-1.docker.io';
/** Where it is searched. */
export const HUB_SEARCH_HOST = 'index.docker.io';
const DEFAULT_SEARCH: readonly string[] = [DOCKER_HUB];

/** How a name becomes a list of places to ask. Pure: made anew whenever the configuration changes. */
export class RegistryRules {
  readonly searchHosts: readonly string[];
  readonly #rules: readonly RegistryRule[];
  readonly #mirrors: readonly Mirror[];
  readonly #insecureHosts: ReadonlySet<string>;
  readonly #insecureRanges: BlockList;

  constructor(file: RegistriesFile, { mirrors = [], insecure = [] }: DockerRegistryOptions = {}) {
    this.searchHosts = file.search ?? DEFAULT_SEARCH;
    // The longest prefix first; an exact host before a wildcard of the same length.
    this.#rules = [...file.registries].sort(
      (a, b) =>
        b.prefix.length - a.prefix.length ||
        Number(a.prefix.startsWith('*')) - Number(b.prefix.startsWith('*')),
    );
    this.#mirrors = mirrors.map(location => ({ location, for: 'all' }));
    this.#insecureHosts = new Set(insecure.filter(entry => !entry.includes('/')).map(canonicalHost));
    this.#insecureRanges = rangesOf(insecure);
  }

  /**
   * Mirrors in their order, then the registry itself.
   *
   * @throws {EngineError} `forbidden` when the name is blocked.
   */
  sourcesOf({ domain: given, repository }: Reference): readonly Source[] {
    const domain = canonicalHost(given); // nobody gets around a rule by capital letters
    const name = `${domain}/${repository}`;
    const rule = this.#ruleOf(name);
    if (rule?.blocked) throw registryBlocked(name, rule.prefix);
    const matched = rule ? matchedPart(rule.prefix, name) : domain;
    const rest = name.slice(matched.length).replace(/^\//, '');
    const ownMirrors = rule?.mirrors ?? [];
    const mirrors = ownMirrors.length > 0 || domain !== DOCKER_HUB ? ownMirrors : this.#mirrors;
    return [
      ...mirrors.map(mirror => this.#mirror(mirror, domain, rest)),
      this.#registry(rule, { domain, repository, rest }),
    ];
  }

  /** The registry at a host, without any name in it. @throws {EngineError} `forbidden` when it is blocked. */
  registryOf(host: string): Source {
    const domain = canonicalHost(host);
    const rule = this.#ruleOf(domain);
    if (rule?.blocked) throw registryBlocked(domain, rule.prefix);
    return this.#registry(rule, { domain, repository: '', rest: '' });
  }

  /** Where a registry is searched: Docker Hub has another host for it. */
  searchOf(domain: string): Source {
    const source = this.registryOf(domain);
    return domain === DOCKER_HUB && source.host === HUB_HOST ? { ...source, host: HUB_SEARCH_HOST } : source;
  }

  /** Whether plain http will do for a host. */
  isInsecure(host: string): boolean {
    const name = canonicalHost(host);
    const ruled = this.#rules.find(
      ({ insecure, prefix }) => insecure !== undefined && matchedPart(prefix, name) === name,
    );
    return ruled?.insecure ?? (isLoopback(hostName(host)) || this.#isListed(name));
  }

  #isListed(host: string): boolean {
    const bare = hostName(host);
    const family = isIP(bare) === 6 ? 'ipv6' : 'ipv4';
    return this.#insecureHosts.has(host) || (isIP(bare) !== 0 && this.#insecureRanges.check(bare, family));
  }

  #ruleOf(name: string): RegistryRule | undefined {
    return this.#rules.find(({ prefix }) => matchedPart(prefix, name) !== '');
  }

  #mirror(mirror: Mirror, domain: string, rest: string): Source {
    const { location } = mirror;
    const isOpen = mirror.insecure ?? this.isInsecure(location.host);
    return {
      ...transport(location, isOpen),
      repository: joined(location.path, rest),
      isMirror: true,
      knowsTags: mirror.for === 'all',
      takesCredentials: mirror.credentials ?? canonicalHost(location.host) === domain,
      tlsFiles: {},
    };
  }

  #registry(rule: RegistryRule | undefined, name: ResolvedName): Source {
    const location: Location = rule?.location ?? { host: name.domain, path: '' };
    const isOpen = rule?.insecure ?? this.isInsecure(location.host);
    const authHosts = rule?.['auth-hosts'];
    return {
      ...transport(location, isOpen),
      repository: rule?.location ? joined(location.path, name.rest) : name.repository,
      isMirror: false,
      knowsTags: true,
      takesCredentials: rule?.credentials ?? canonicalHost(location.host) === name.domain,
      tlsFiles: tlsFilesOf(rule),
      ...(authHosts ? { authHosts } : {}),
    };
  }
}

interface ResolvedName {
  readonly domain: string;
  readonly repository: string;
  /** what follows the prefix */
  readonly rest: string;
}

/** The part of `name` that `prefix` stands for; empty when it does not fit. Prefixes end at `/` or at the end. */
export function matchedPart(prefix: string, name: string): string {
  if (prefix.startsWith('*.')) {
    const slash = prefix.indexOf('/');
    const suffix = prefix.slice(1, slash < 0 ? undefined : slash);
    const host = name.split('/', 1)[0] ?? '';
    if (!host.endsWith(suffix) || host.length === suffix.length) return '';
    return slash < 0 ? host : matchedPart(host + prefix.slice(slash), name);
  }
  const fits = name === prefix || name.startsWith(`${prefix}/`);
  return fits ? prefix : '';
}

/** The name or address without its port and brackets. */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/**
 * The host of what a user gives as a registry: a host, a URL, or nothing for Docker Hub.
 *
 * @throws {EngineError} `invalid`.
 */
export function registryHost(server: string): string {
  const host =
    server
      .trim()
      .replace(/^https?:\/\//i, '')
      .split('/', 1)[0] ?? '';
  if (host === '') return DOCKER_HUB;
  if (!isHost(host)) throw notARegistry(server);
  return canonicalHost(host);
}

function transport(
  { host, scheme }: Location,
  isOpen: boolean,
): Pick<Source, 'host' | 'schemes' | 'isVerified'> {
  const schemes = scheme ? [scheme] : isOpen ? (['https', 'http'] as const) : (['https'] as const);
  return { host: host === DOCKER_HUB ? HUB_HOST : host, schemes, isVerified: !isOpen };
}

function joined(path: string, rest: string): string {
  return [path, rest].filter(Boolean).join('/');
}

function tlsFilesOf(rule: RegistryRule | undefined): TlsFiles {
  const { ca, 'client-certificate': certificate, 'client-key': key } = rule ?? {};
  return { ...(ca ? { ca } : {}), ...(certificate ? { certificate } : {}), ...(key ? { key } : {}) };
}

function rangesOf(entries: readonly string[]): BlockList {
  const ranges = new BlockList();
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/');
    if (bits !== undefined) ranges.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return ranges;
}
