import * as v from 'valibot';

/** `[scheme://]host[:port][/path]`: where a registry, or a part of one, is. */
export interface Location {
  /** absent: https, and http too where the host is insecure */
  readonly scheme?: 'http' | 'https';
  readonly host: string;
  /** what stands before the rest of a name; empty, or without slashes at its ends */
  readonly path: string;
}

const HOST = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?`;
const LOCATION = new RegExp(`^(?:(https?)://)?(${HOST})((?:/[a-z0-9._-]+)*)/?$`);
const PREFIX = new RegExp(`^(?:\\*\\.)?${HOST}(?:/[a-z0-9._-]+)*$`);

export const LocationText = v.pipe(
  v.string(),
  v.regex(LOCATION, 'must look like [https://]host[:port][/path]'),
  v.transform(parseLocation),
);

/** @returns what {@link LocationText} checked, in parts. */
function parseLocation(text: string): Location {
  const [, scheme, host = '', path = ''] = LOCATION.exec(text) ?? [];
  const parts = { host: host.toLowerCase(), path: path.slice(1) };
  return scheme === 'http' || scheme === 'https' ? { scheme, ...parts } : parts;
}

/** Whether text is `host[:port]`. */
export function isHost(text: string): boolean {
  return text.length <= 300 && WHOLE_HOST.test(text) && !text.includes('..');
}

const WHOLE_HOST = new RegExp(`^${HOST}$`);
const hostText = v.pipe(v.string(), v.regex(new RegExp(`^${HOST}$`), 'must be host[:port]'));
const filePath = v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'));

const MirrorObject = v.strictObject({
  location: LocationText,
  /** plain http, or a certificate that nobody vouches for, will do */
  insecure: v.optional(v.boolean()),
  /** The user's name and password for the registry go to the mirror as well. */
  credentials: v.optional(v.boolean()),
  /** `digest`: is not asked what a tag stands for, only for content */
  for: v.optional(v.picklist(['all', 'digest']), 'all'),
});

const Mirror = v.union(
  [
    v.pipe(
      LocationText,
      v.transform((location): Mirror => ({ location, for: 'all' })),
    ),
    MirrorObject,
  ],
  'must be a location, or an object with one',
);
export type Mirror = v.InferOutput<typeof MirrorObject>;

/** Docker Hub has many names. */
const HUB_NAMES = ['registry-1.docker.io', 'index.docker.io', 'registry.hub.docker.com'];

/** A host by the name that rules know it by: `Example.com:0443` is `example.com`, as it is to whoever connects to it. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  const url = `https://${lower}`;
  const reached = URL.canParse(url) ? new URL(url).host : lower;
  return HUB_NAMES.includes(reached) ? 'docker.io' : reached;
}

/** A name or prefix, its host by the name that rules know it by. */
export function canonicalName(name: string): string {
  const [host = ''] = name.split('/', 1);
  return canonicalHost(host) + name.slice(host.length);
}

/** What holds for all names below a prefix. The longest prefix that fits a name counts, and no other. */
export const RegistryRule = v.strictObject({
  /** `host[:port][/path]`, `docker.io/library`, or `*.example.com` */
  prefix: v.pipe(
    v.string(),
    v.regex(PREFIX, 'must look like host[:port][/path] or *.example.com'),
    v.transform(canonicalName),
  ),
  /** what stands in for the prefix when a request is made; default: the prefix itself */
  location: v.optional(LocationText),
  /** as for mirrors, where `location` is another host */
  credentials: v.optional(v.boolean()),
  mirrors: v.optional(v.pipe(v.array(Mirror), v.maxLength(20)), []),
  /** Default: as the engine's `insecure-registries` say; registries on this machine are. */
  insecure: v.optional(v.boolean()),
  blocked: v.optional(v.boolean(), false),
  /** PEM files, beside those of certs.d */
  ca: v.optional(filePath),
  'client-certificate': v.optional(filePath),
  'client-key': v.optional(filePath),
  /** the only hosts that may hand out tokens for these names, beside the registry itself */
  'auth-hosts': v.optional(v.array(hostText)),
});
export type RegistryRule = v.InferOutput<typeof RegistryRule>;

/** The file of rules as a whole. Unknown keys are errors: they are typos. */
export const RegistriesFile = v.strictObject({
  registries: v.optional(v.pipe(v.array(RegistryRule), v.maxLength(1000)), []),
  /** where `search` looks when no registry is named; default: Docker Hub */
  search: v.optional(v.pipe(v.array(hostText), v.minLength(1), v.maxLength(20))),
});
export type RegistriesFile = v.InferOutput<typeof RegistriesFile>;
