import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { EngineError, messageOf } from '#base/errors';

/** What stands in the files of a certificate and its key. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** names and addresses it is for; the first is the one to be called by */
  readonly names: readonly string[];
  readonly expiresAt: Date;
}

/** @throws {EngineError} `invalid` when a file cannot be read, is none of the kind, or one does not belong to the other. */
export function readTlsFiles(paths: { readonly certificate: string; readonly key: string }): TlsFiles {
  const cert = read(paths.certificate, 'certificate');
  const key = read(paths.key, 'private key');
  const certificate = understood(paths.certificate, 'a certificate', () => new X509Certificate(cert));
  const privateKey = understood(paths.key, 'a private key without a passphrase', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new EngineError(
      'invalid',
      `the private key ${paths.key} does not belong to the certificate ${paths.certificate}`,
    );
  }
  return { cert, key, names: namesIn(certificate), expiresAt: certificate.validToDate };
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new EngineError('invalid', `cannot read the ${what}: ${messageOf(error)}`, { cause: error });
  }
}

function understood<T>(path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new EngineError('invalid', `${path} is not ${what} as PEM: ${messageOf(error)}`, { cause: error });
  }
}

/** Those a URL can have: no wildcards. */
function namesIn({ subjectAltName = '' }: X509Certificate): string[] {
  const found = [...subjectAltName.matchAll(/(DNS|IP Address):([^,\s"]+)/g)];
  const names = (kind: string) => found.flatMap(([, type, name]) => (type === kind && name ? [name] : []));
  return [
    ...names('DNS').filter(name => !name.includes('*')),
    ...names('IP Address').map(address => (address.includes(':') ? `[${address}]` : address)),
  ];
}
