import { codeOf, EngineError, messageOf } from '#base/errors';
import { ForbiddenAddressError } from '#sys/address-guard';
import { HttpTimeoutError } from './http-message.ts';

const UNKNOWN_CA = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
];
const CUT = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED', 'ENETRESET', 'ERR_STREAM_PREMATURE_CLOSE'];

/** Whether the next attempt may well succeed: the connection was cut, or the server was slow. */
export function isTransient(error: unknown): boolean {
  if (error instanceof HttpTimeoutError) return true;
  const code = codeOf(error) ?? '';
  return CUT.includes(code) || code === 'EAI_AGAIN' || code === 'HPE_INVALID_EOF_STATE' || isClosed(error);
}

/** Whether a server that is not there now may come back: only worth waiting for in the middle of a transfer. */
export function isRefusal(error: unknown): boolean {
  return ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN'].includes(codeOf(error) ?? '');
}

/** Whether TLS was spoken to a server that does not speak it. */
export function isNotTls(error: unknown): boolean {
  return ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'].includes(
    codeOf(error) ?? '',
  );
}

/**
 * What went wrong on the way to a registry, as Go's client words it and Docker's users know it, and what to do.
 *
 * @returns an {@link EngineError}; one that is given comes back as it is.
 */
export function transportError(error: unknown, method: string, url: URL): EngineError {
  if (error instanceof EngineError) return error;
  const kind = error instanceof ForbiddenAddressError ? 'forbidden' : 'unavailable';
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  const { origin, pathname } = url; // queries hold signatures
  return new EngineError(kind, `${verb} "${origin}${pathname}": ${reason(error, url)}`, { cause: error });
}

function reason(error: unknown, url: URL): string {
  const code = codeOf(error) ?? '';
  const { host, hostname } = url;
  if (code === 'ECONNREFUSED') return `dial tcp ${addressOf(error) ?? host}: connect: connection refused`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${hostname}: no such host`;
  if (code === 'EAI_AGAIN') return `dial tcp: lookup ${hostname}: Temporary failure in name resolution`;
  if (code === 'EHOSTUNREACH') return `dial tcp ${addressOf(error) ?? host}: connect: no route to host`;
  if (code === 'ENETUNREACH') return `dial tcp ${addressOf(error) ?? host}: connect: network is unreachable`;
  if (isNotTls(error)) {
    return `http: server gave HTTP response to HTTPS client; if it may be used without TLS, list "${host}" under "insecure-registries" in the engine's configuration`;
  }
  if (UNKNOWN_CA.includes(code)) {
    return `tls: failed to verify certificate: x509: certificate signed by unknown authority; if it is your own, put it into /etc/quai/certs.d/${host}/ca.crt`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `tls: failed to verify certificate: x509: certificate is not valid for ${hostname}`;
  }
  if (CUT.includes(code) || isClosed(error)) return 'the connection was cut';
  return messageOf(error);
}

function isClosed(error: unknown): boolean {
  return (
    error instanceof Error && /^(aborted|socket hang up|the connection was closed before)/.test(error.message)
  );
}

/** Where it was tried; one of several addresses of a name. */
function addressOf(error: unknown): string | undefined {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (typeof one !== 'object' || one === null || !('address' in one) || !('port' in one)) return undefined;
  return `${String(one.address)}:${String(one.port)}`;
}
