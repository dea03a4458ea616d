import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { EngineError, messageOf } from '#base/errors';
import type { TlsFiles } from './registry-rules.ts';

export interface TlsSettings {
  /** equal for equal settings, other once a file changes: what connections are kept by */
  readonly key: string;
  readonly isVerified: boolean;
  /** made when it is first needed */
  context(): SecureContext;
}

/**
 * Certificates for a host: `<folder>/<host[:port]>/*.crt` are CAs, `x.cert` with `x.key` is what we show of ourselves,
 * as in Docker's `/etc/docker/certs.d`; and the files of a rule. CAs come on top of those of the system.
 */
export class TlsSettingsSource {
  readonly #folders: readonly string[];
  readonly #contexts = new Map<string, SecureContext>();

  /** @param folders `/etc/quai/certs.d` and the like */
  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  of(host: string, files: TlsFiles, { isVerified }: { readonly isVerified: boolean }): TlsSettings {
    const found = this.#filesOf(host, files);
    const key = [isVerified ? 'verified' : 'open', ...Object.values(found).flat().map(versionOf)].join('\n');
    return { key, isVerified, context: () => this.#context(key, found) };
  }

  #context(key: string, found: FoundFiles): SecureContext {
    const known = this.#contexts.get(key);
    if (known) return known;
    if (this.#contexts.size >= MOST_CONTEXTS) this.#contexts.clear();
    const context = contextOf(found);
    this.#contexts.set(key, context);
    return context;
  }

  #filesOf(host: string, files: TlsFiles): FoundFiles {
    const cas = files.ca === undefined ? [] : [files.ca];
    const certificates = files.certificate === undefined ? [] : [files.certificate];
    const keys = files.key === undefined ? [] : [files.key];
    for (const folder of this.#folders.map(parent => `${parent}/${host}`)) {
      const names = namesIn(folder);
      cas.push(...names.filter(name => name.endsWith('.crt')).map(name => `${folder}/${name}`));
      const certificate = names.find(name => name.endsWith('.cert'));
      if (certificate === undefined || certificates.length > 0) continue;
      certificates.push(`${folder}/${certificate}`);
      keys.push(`${folder}/${certificate.replace(/\.cert$/, '.key')}`);
    }
    return { cas, certificates, keys };
  }
}

interface FoundFiles {
  readonly cas: readonly string[];
  readonly certificates: readonly string[];
  readonly keys: readonly string[];
}

const MOST_CONTEXTS = 50;
let systemCas: readonly string[] | undefined;

function contextOf({ cas, certificates, keys }: FoundFiles): SecureContext {
  const ca = [...systemCertificates(), ...cas.map(path => readPem(path).toString())];
  const [certificate] = certificates;
  const [key] = keys;
  try {
    return createSecureContext({
      ca,
      ...(certificate === undefined ? {} : { cert: readPem(certificate) }),
      ...(key === undefined ? {} : { key: readPem(key) }),
    });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const files = [...cas, ...certificates, ...keys].join(', ');
    throw new EngineError('invalid', `cannot use the certificates in ${files}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What the distribution trusts, an administrator's own CAs among it; Node's own list where there is none. */
function systemCertificates(): readonly string[] {
  if (!systemCas) {
    const found = new Set(getCACertificates('system'));
    systemCas = found.size > 0 ? [...found] : getCACertificates('bundled');
  }
  return systemCas;
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new EngineError('invalid', `cannot read the certificate "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return `${path}:${stat ? `${stat.ino}:${stat.size}:${stat.mtimeNs}` : 'gone'}`;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // most registries have no folder
  }
}
