import { EngineError } from '#base/errors';

/** Where a git repository is, and what of it is meant. */
export interface GitAddress {
  readonly scheme: 'https' | 'http' | 'git' | 'ssh';
  /** for git: without `#…` and without our part of `?…` */
  readonly remote: string;
  /** branch, tag, full name of a ref, or commit; absent: what the repository calls HEAD */
  readonly ref?: string;
  /** relative, without `.` and `..` */
  readonly subdir?: string;
  /** what the commit has to be, whatever the ref says by now; may be short */
  readonly commit?: string;
  readonly keepGitDir?: boolean;
  /** default true */
  readonly submodules?: boolean;
}

const LONGEST = 4096;
const SCP_LIKE = /^[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!\/\/)./;

/** Whether a build context, or a source of ADD, is a git repository: `….git` by http or https, `git://`, `ssh://`, `git@host:path`. */
export function isGitAddress(text: string): boolean {
  if (/^(?:git|ssh):\/\//i.test(text) || SCP_LIKE.test(text)) return true;
  if (text.startsWith('github.com/')) return true;
  return /^https?:\/\/[^?#]+\.git(?:[?#]|$)/i.test(text);
}

/** Whether it is anything that has to be fetched. */
export function isRemoteAddress(text: string): boolean {
  return isGitAddress(text) || /^https?:\/\//i.test(text);
}

/**
 * Reads `https://host/x.git#ref:folder`, or with `?ref=…&subdir=…`.
 *
 * @throws {EngineError} `invalid`.
 */
export function parseGitAddress(text: string): GitAddress {
  if (text.length > LONGEST || /[\p{Cc} ]/u.test(text)) throw invalid(text, 'it has blanks or is too long');
  const hash = text.indexOf('#');
  const address = hash < 0 ? text : text.slice(0, hash);
  const { ref, subdir } = fragmentOf(hash < 0 ? '' : text.slice(hash + 1));
  const { scheme, remote, query } = placeOf(address);
  return checked(text, { scheme, remote, ref, subdir, ...optionsOf(text, query, ref, subdir) });
}

/** The address for people to see: without a password. */
export function shownAddress(address: string): string {
  return address.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1***@');
}

interface Parts {
  readonly scheme: GitAddress['scheme'];
  readonly remote: string;
  readonly ref: string | undefined;
  readonly subdir: string | undefined;
  readonly commit?: string | undefined;
  readonly keepGitDir?: boolean | undefined;
  readonly submodules?: boolean | undefined;
}

function placeOf(address: string): Pick<Parts, 'scheme' | 'remote'> & { readonly query: string } {
  if (SCP_LIKE.test(address)) return { scheme: 'ssh', remote: address, query: '' };
  const written = address.startsWith('github.com/') ? `https://${address}` : address;
  const question = written.indexOf('?');
  const remote = question < 0 ? written : written.slice(0, question);
  const scheme = /^(https|http|git|ssh):\/\//i.exec(remote)?.[1]?.toLowerCase();
  // What a host begins with must not look like an option to the program that is given it.
  if (!isScheme(scheme) || !URL.canParse(remote) || /^-|^$/.test(new URL(remote).hostname)) {
    throw invalid(address, 'write https://host/path.git, git://host/path or git@host:path');
  }
  return { scheme, remote, query: question < 0 ? '' : written.slice(question + 1) };
}

function isScheme(text: string | undefined): text is GitAddress['scheme'] {
  return text === 'https' || text === 'http' || text === 'git' || text === 'ssh';
}

function fragmentOf(fragment: string): {
  readonly ref: string | undefined;
  readonly subdir: string | undefined;
} {
  const colon = fragment.indexOf(':');
  const ref = colon < 0 ? fragment : fragment.slice(0, colon);
  const subdir = colon < 0 ? '' : fragment.slice(colon + 1);
  return { ref: ref || undefined, subdir: subdir || undefined };
}

function optionsOf(text: string, query: string, ref?: string, subdir?: string): Partial<Parts> {
  const options = new URLSearchParams(query);
  const names = [...options.keys()];
  const given = (name: string): string | undefined => {
    const value = options.get(name);
    if (value === '') throw invalid(text, `query "${name}" has no value`);
    return value ?? undefined;
  };
  for (const name of names) {
    if (!OPTIONS.includes(name))
      throw invalid(text, `unexpected query "${name}": there are ${OPTIONS.join(', ')}`);
    if (options.getAll(name).length > 1) throw invalid(text, `query "${name}" has multiple values`);
  }
  const tag = prefixed('refs/tags/', given('tag'));
  const branch = prefixed('refs/heads/', given('branch'));
  const commit = given('checksum') ?? given('commit');
  return {
    ref: agreed(text, 'ref', [ref, given('ref'), tag, branch]) ?? commit,
    subdir: agreed(text, 'subdir', [subdir, given('subdir')]),
    commit,
    keepGitDir: flag(text, options, 'keep-git-dir'),
    submodules: flag(text, options, 'submodules'),
  };
}

const OPTIONS = ['ref', 'tag', 'branch', 'subdir', 'checksum', 'commit', 'keep-git-dir', 'submodules'];

function prefixed(prefix: string, name: string | undefined): string | undefined {
  return name === undefined || name.startsWith(prefix) ? name : prefix + name;
}

function agreed(text: string, what: string, values: readonly (string | undefined)[]): string | undefined {
  const given = [...new Set(values.filter(value => value !== undefined))];
  if (given.length > 1) throw invalid(text, `${what} conflicts: ${given.join(' and ')}`);
  return given[0];
}

function flag(text: string, options: URLSearchParams, name: string): boolean | undefined {
  const value = options.get(name);
  if (value === null) return undefined;
  if (/^(?:1|t|true|)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw invalid(text, `invalid ${name} value: "${value}"`);
}

function checked(
  text: string,
  { scheme, remote, ref, subdir, commit, keepGitDir, submodules }: Parts,
): GitAddress {
  if (ref !== undefined && !isRef(ref))
    throw invalid(text, `"${ref}" cannot be the name of a branch, tag or commit`);
  if (commit !== undefined && !/^[0-9a-f]{7,64}$/i.test(commit))
    throw invalid(text, `"${commit}" is not a commit: give 7 or more of its hexadecimal digits`);
  const folder = subdir?.split('/').filter(name => name !== '' && name !== '.');
  if (folder?.includes('..')) throw invalid(text, `the folder "${subdir}" is not inside the repository`);
  return {
    scheme,
    remote,
    ...(ref !== undefined && { ref }),
    ...(folder?.length && { subdir: folder.join('/') }),
    ...(commit !== undefined && { commit: commit.toLowerCase() }),
    ...(keepGitDir !== undefined && { keepGitDir }),
    ...(submodules !== undefined && { submodules }),
  };
}

/** As git-check-ref-format(1), so that it is neither an option nor an expression. */
function isRef(ref: string): boolean {
  return (
    ref.length <= 255 &&
    !/^-|^\/|\/$|\/\/|\.\.|\.lock(?:\/|$)|@\{|(?:^|\/)\.|\.$|[\p{Cc} ~^:?*[\\]/u.test(ref)
  );
}

function invalid(address: string, reason: string): EngineError {
  return new EngineError('invalid', `invalid git address ${shownAddress(address).slice(0, 200)}: ${reason}`);
}
