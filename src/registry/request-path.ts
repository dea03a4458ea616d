/** What a path below `/v2/` is about. Its parts are not checked yet. */
export type RequestTarget =
  | { readonly type: 'base' }
  | { readonly type: 'catalog' }
  | { readonly type: 'tags'; readonly repository: string }
  | { readonly type: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly type: 'blob'; readonly repository: string; readonly digest: string }
  | { readonly type: 'uploads'; readonly repository: string }
  | { readonly type: 'upload'; readonly repository: string; readonly id: string }
  | { readonly type: 'referrers'; readonly repository: string; readonly digest: string };

const PREFIX = '/v2';
const UPLOADS = /^(.+)\/blobs\/uploads(?:\/([^/]*))?$/s;
const TAGS = /^(.+)\/tags\/list$/s;
const OTHERS = /^(.+)\/(manifests|blobs|referrers)\/([^/]+)$/s;

/**
 * Reads a path from its end: names of repositories have slashes, and may have `blobs` and `manifests` between them. What stands
 * last has none, so that there is one way to read it.
 */
export function parseRequestPath(path: string): RequestTarget | undefined {
  if (path === PREFIX || path === `${PREFIX}/`) return { type: 'base' };
  if (path === `${PREFIX}/_catalog`) return { type: 'catalog' };
  const rest = path.slice(PREFIX.length + 1);
  const uploads = UPLOADS.exec(rest);
  if (uploads) {
    const [, repository = '', id = ''] = uploads;
    return id === '' ? { type: 'uploads', repository } : { type: 'upload', repository, id };
  }
  const tags = TAGS.exec(rest);
  if (tags) return { type: 'tags', repository: tags[1] ?? '' };
  const [, repository = '', what, last = ''] = OTHERS.exec(rest) ?? [];
  if (what === 'manifests') return { type: 'manifest', repository, reference: last };
  if (what === 'blobs') return { type: 'blob', repository, digest: last };
  if (what === 'referrers') return { type: 'referrers', repository, digest: last };
  return undefined;
}
