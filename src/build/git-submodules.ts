import { EngineError } from '#base/errors';
import { type GitAddress, parseGitAddress, shownAddress } from '#spec/dockerfile/git-address';

/** Path of each submodule → its address, of `git config -z --list` over `.gitmodules`. */
export function submoduleUrls(list: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  const urls = new Map<string, string>();
  for (const entry of list.split('\0')) {
    const [, name = '', key, value = ''] = /^submodule\.(.+)\.(path|url)\n(.*)$/s.exec(entry) ?? [];
    if (key === 'path') paths.set(name, value.replace(/\/$/, ''));
    else if (key === 'url') urls.set(name, value);
  }
  return new Map(
    [...paths].flatMap(([name, path]) => (urls.has(name) ? [[path, urls.get(name) ?? '']] : [])),
  );
}

/**
 * Where a submodule is: by the protocol of the repository that names it, or by https.
 *
 * @throws {EngineError} `invalid`.
 */
export function submoduleAddress(
  base: GitAddress,
  path: string,
  url: string | undefined,
  commit: string,
): GitAddress {
  const hint = 'add ?submodules=false to the address to build without';
  if (url === undefined)
    throw new EngineError(
      'invalid',
      `submodule ${JSON.stringify(path)} has no address in .gitmodules: ${hint}`,
    );
  const absolute = /^\.\.?\//.test(url) ? relative(base.remote, url) : url;
  const written = /^https?:\/\//i.test(absolute) ? absolute : absolute.replace(/#.*/s, '');
  const address = parseGitAddress(written.replace(/[?#].*$/s, ''));
  if (address.scheme !== base.scheme && address.scheme !== 'https') {
    throw new EngineError(
      'invalid',
      `submodule ${JSON.stringify(path)} is at ${shownAddress(url)}, by another protocol than its repository: ${hint}`,
    );
  }
  return { ...address, ref: commit, commit, keepGitDir: base.keepGitDir ?? false };
}

/** In small letters, without the brackets of an address and the dot at the end of a name. */
export function hostOf({ remote }: GitAddress): string {
  return new URL(remote).hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '');
}

/** As git-submodule(1): relative to the repository itself, not to the folder that it is in. */
function relative(base: string, url: string): string {
  const place = new URL(base);
  place.pathname = `${place.pathname.replace(/\/$/, '')}/`;
  const user = place.username === '' ? '' : `${place.username}${place.password && `:${place.password}`}@`;
  const { pathname } = new URL(url, `http://host${place.pathname}`);
  return `${place.protocol}//${user}${place.host}${pathname.replace(/\/$/, '')}`;
}
