/** The namespace of official repositories: it is not written where people read names. */
const OFFICIAL = 'library/';

export type ManagePage = 'general' | 'tags' | 'collaborators' | 'webhooks' | 'settings';

/** Where things are on the site. Names are encoded, so that whatever they hold stays one segment each. */
export const paths = {
  /** `/_/nginx` for an official repository, `/r/team/app` for another */
  repository: (name: string): string =>
    isOfficialName(name) ? `/_/${encoded(name.slice(OFFICIAL.length))}` : `/r/${encoded(name)}`,
  tags: (name: string): string => `${paths.repository(name)}?tab=tags`,
  manage: (name: string, page: ManagePage = 'general'): string => `/repository/${encoded(name)}/${page}`,
  /** of an account or an organization */
  namespace: (name: string): string => `/u/${encoded(name)}`,
  organization: (name: string): string => `/organizations/${encoded(name)}`,
};

export function isOfficialName(name: string): boolean {
  return name.startsWith(OFFICIAL);
}

/** As people say it: `nginx` for `library/nginx`. */
export function displayName(name: string): string {
  return isOfficialName(name) ? name.slice(OFFICIAL.length) : name;
}

/** A path with these parameters; those that are empty or absent are left out. */
export function withQuery(
  path: string,
  parameters: Readonly<Record<string, string | number | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.set(key, String(value));
  }
  const text = query.toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

/**
 * Where to go after signing in: `next` if it is a path of this site. Anything that a browser could take for another host is not.
 */
export function localPath(next: string, fallback = '/'): string {
  if (!/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/.test(next) || next.length > 2000) return fallback;
  const site = 'http://site.invalid';
  const url = URL.parse(next, site);
  if (url?.origin !== site || url.pathname.startsWith('//')) return fallback;
  return `${url.pathname}${url.search}`;
}

function encoded(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}
