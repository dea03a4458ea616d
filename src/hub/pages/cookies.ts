/**
 * The cookies of the site (RFC 6265bis). With TLS their names begin with `__Host-`: then a browser takes them from this host alone,
 * never from a neighbour under the same domain.
 */
export type CookieName = 'quai-session' | 'quai-visitor';

const MAX_COOKIES = 8192;

/** The value of one of our cookies, where it has the form we give them. */
export function readCookie(
  header: string | undefined,
  name: CookieName,
  { isSecure }: { readonly isSecure: boolean },
): string | undefined {
  if (header === undefined || header.length > MAX_COOKIES) return undefined;
  const wanted = fullName(name, isSecure);
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== wanted) continue;
    const value = pair.slice(at + 1).trim();
    return /^[\w.~+/=:-]{16,512}$/.test(value) ? value : undefined;
  }
  return undefined;
}

/** The value of a `Set-Cookie` header; an empty `value` takes the cookie away. */
export function setCookie(
  name: CookieName,
  value: string,
  { isSecure, maxAgeSeconds }: { readonly isSecure: boolean; readonly maxAgeSeconds?: number },
): string {
  const age = value === '' ? 0 : maxAgeSeconds;
  return [
    `${fullName(name, isSecure)}=${value}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Lax',
    ...(isSecure ? ['Secure'] : []),
    ...(age === undefined ? [] : [`Max-Age=${age}`]),
  ].join('; ');
}

function fullName(name: CookieName, isSecure: boolean): string {
  return isSecure ? `__Host-${name}` : name;
}
