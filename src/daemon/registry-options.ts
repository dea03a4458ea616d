import { isIP } from 'node:net';
import * as v from 'valibot';
import type { ProxySettings } from '#distribution/proxy-settings';
import { type Location, LocationText } from '#distribution/registry-rule';

export const DEFAULT_RULES = '/etc/quai/registries.json';
/** Ours, and Docker's. */
const CERTIFICATE_FOLDERS = ['/etc/quai/certs.d', '/etc/docker/certs.d'];
const DOWNLOADS = 6;
const UPLOADS = 5;
const count = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100));

const range = v.pipe(
  v.string(),
  v.check(isRegistryOrRange, 'must be host[:port], or a range of addresses such as 10.0.0.0/8'),
);

/** Keys of the configuration file; all but the first two as Docker's daemon has them. */
export const REGISTRY_KEYS = {
  registries: v.optional(v.pipe(v.string(), v.startsWith('/', 'must be an absolute path'))),
  'registry-http2': v.optional(v.boolean()),
  'registry-mirrors': v.optional(v.array(LocationText)),
  'insecure-registries': v.optional(v.array(range)),
  proxies: v.optional(
    v.strictObject({
      'http-proxy': v.optional(v.string()),
      'https-proxy': v.optional(v.string()),
      'no-proxy': v.optional(v.string()),
    }),
  ),
  'max-concurrent-downloads': v.optional(count),
  'max-concurrent-uploads': v.optional(count),
};

/** How this engine reaches registries. */
export interface RegistryOptions {
  readonly rulesPath: string;
  /** HTTP/2 with registries that offer it */
  readonly http2: boolean;
  readonly mirrors: readonly Location[];
  readonly insecure: readonly string[];
  readonly proxies: ProxySettings;
  readonly certificateFolders: readonly string[];
  readonly downloads: number;
  readonly uploads: number;
}

const Given = v.object(REGISTRY_KEYS);

/** The configuration wins over the environment, as with Docker. */
export function registryOptions(
  given: v.InferOutput<typeof Given>,
  environment: Readonly<Record<string, string | undefined>>,
): RegistryOptions {
  const variable = (name: string): string | undefined => environment[name] ?? environment[name.toLowerCase()];
  const httpProxy = given.proxies?.['http-proxy'] ?? variable('HTTP_PROXY');
  const httpsProxy = given.proxies?.['https-proxy'] ?? variable('HTTPS_PROXY');
  const noProxy = given.proxies?.['no-proxy'] ?? variable('NO_PROXY');
  return {
    rulesPath: given.registries ?? DEFAULT_RULES,
    http2: given['registry-http2'] ?? true,
    mirrors: given['registry-mirrors'] ?? [],
    insecure: given['insecure-registries'] ?? [],
    proxies: {
      ...(httpProxy === undefined ? {} : { httpProxy }),
      ...(httpsProxy === undefined ? {} : { httpsProxy }),
      ...(noProxy === undefined ? {} : { noProxy }),
    },
    certificateFolders: CERTIFICATE_FOLDERS,
    downloads: given['max-concurrent-downloads'] ?? DOWNLOADS,
    uploads: given['max-concurrent-uploads'] ?? UPLOADS,
  };
}

function isRegistryOrRange(text: string): boolean {
  const [address = '', bits] = text.split('/');
  if (bits === undefined) return /^[A-Za-z0-9.[\]:_-]+$/.test(text);
  const family = isIP(address);
  return family !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32);
}
