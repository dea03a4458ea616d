import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import type { ProxySettings } from '#distribution/proxy-settings';
import { type GitAddress, shownAddress } from '#spec/dockerfile/git-address';
import type { JailPool } from '#store/jail-pool';
import type { ProgramJail } from '#store/program-jail';
import { classOf, mayLeadTo } from '#sys/address-guard';
import { DiskWatch } from './disk-watch.ts';
import { FetchFolder } from './fetch-folder.ts';
import { gitProblem, mayBeFoundOtherwise } from './git-problem.ts';
import { GitProgram } from './git-program.ts';
import { hostOf, submoduleAddress, submoduleUrls } from './git-submodules.ts';
import { type HostLookup, noSuchHost, PinnedHosts, type PinnedRemote } from './pinned-hosts.ts';
import { plainFolder } from './plain-folder.ts';
import type { UrlFetcher } from './url-fetcher.ts';

export interface GitFetcherDeps {
  /** absent where the host has no crun, which makes it */
  readonly jail?: Pick<ProgramJail, 'run'>;
  readonly proxies: ProxySettings;
  /** belongs to this object alone; what is there is removed */
  readonly folder: string;
  /** follows redirects, not to where a server must not lead; git follows none */
  readonly redirects: Pick<UrlFetcher, 'lastAddress'>;
  /** adds up what was fetched */
  readonly trees: Pick<JailPool, 'usage'>;
  readonly maxBytes?: number;
  readonly maxFiles?: number;
  readonly freeBytes?: number;
  /** default: the host's */
  readonly lookup?: HostLookup;
}

export interface GitFetchOptions {
  /** default: what the address says, or false */
  readonly keepGitDir?: boolean;
  readonly signal: AbortSignal;
}

/** A checked-out tree, without `.git` unless that was to be kept. Disposal removes it. */
export interface GitTree extends AsyncDisposable {
  /** nobody writes there any more; links in it lead anywhere */
  readonly path: string;
  readonly commit: string;
}

const MAX_BYTES = 16 * 1024 ** 3;
const MAX_FILES = 2_000_000;
const FREE_BYTES = 256 * 1024 ** 2;
const MOST_SUBMODULES = 200;
const DEEPEST_SUBMODULE = 10;
const LIST_BYTES = 256 * 1024 ** 2;
const SHORT_BYTES = 1024 * 1024;
/** what git asks a server first */
const QUESTION = '/info/refs?service=git-upload-pack';

/**
 * Fetches git repositories for builds.
 *
 *   <folder>/XXXXXX/work/tree     the tree, and `.git` in it while git works; all that git can write to is in `work`
 */
export class GitFetcher {
  readonly #deps: GitFetcherDeps;
  readonly #git: GitProgram | undefined;
  readonly #places: FetchFolder;

  constructor(deps: GitFetcherDeps) {
    this.#deps = deps;
    const { jail, proxies } = deps;
    this.#git = jail && new GitProgram({ jail, proxies });
    this.#places = new FetchFolder(deps.folder);
  }

  /** @throws {EngineError} `invalid` for what is not there, `unavailable` for who cannot be reached and a full disk, `deadline`. */
  async fetch(address: GitAddress, { keepGitDir, signal }: GitFetchOptions): Promise<GitTree> {
    if (address.scheme === 'ssh') throw noSsh(address);
    if (!this.#git)
      throw new EngineError(
        'unavailable',
        'git runs in a jail that crun makes, which is not installed on the host of the engine',
      );
    await using undo = new AsyncDisposableStack();
    const place = await this.#places.make('g-', undo);
    const folder = join(place, 'work');
    await mkdir(folder, { mode: 0o700 });
    using watch = new DiskWatch(folder, {
      maxBytes: this.#deps.maxBytes ?? MAX_BYTES,
      maxFiles: this.#deps.maxFiles ?? MAX_FILES,
      freeBytes: this.#deps.freeBytes ?? FREE_BYTES,
      usage: (path, options) => this.#deps.trees.usage(path, options),
    });
    const fetching = new Fetching(this.#git, folder, {
      keepsGitDir: keepGitDir ?? address.keepGitDir ?? false,
      redirects: this.#deps.redirects,
      hosts: this.#hasProxy ? undefined : new PinnedHosts(this.#deps.lookup),
      signal: AbortSignal.any([signal, watch.signal]),
    });
    const commit = await fetching.checkOut(address, 'tree', 0);
    await watch.verify();
    const path = await plainFolder(join(folder, 'tree'), address.subdir ?? '');
    const owned = undo.move();
    return { path, commit, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  get #hasProxy(): boolean {
    const { httpProxy, httpsProxy } = this.#deps.proxies;
    return httpProxy !== undefined || httpsProxy !== undefined;
  }
}

interface FetchingOptions {
  readonly keepsGitDir: boolean;
  readonly redirects: GitFetcherDeps['redirects'];
  /** absent behind a proxy: then names are not ours to look up */
  readonly hosts: PinnedHosts | undefined;
  readonly signal: AbortSignal;
}

/** One repository with its submodules. */
class Fetching {
  readonly #git: GitProgram;
  readonly #folder: string;
  readonly #options: FetchingOptions;
  #submodules = 0;

  constructor(git: GitProgram, folder: string, options: FetchingOptions) {
    this.#git = git;
    this.#folder = folder;
    this.#options = options;
  }

  /** @param tree where, below the folder */
  async checkOut(address: GitAddress, tree: string, depth: number): Promise<string> {
    await this.#must(address, ['init', '--quiet', '--template=', `/work/${tree}`]);
    const found = await this.#fetch(address, tree);
    await this.#must(address, [...at(tree), 'checkout', '--quiet', '--force', '--detach', found]);
    const commit = (
      await this.#said(address, [...at(tree), 'rev-parse', '--verify', 'HEAD^{commit}'])
    ).trim();
    if (address.commit !== undefined && !commit.startsWith(address.commit)) {
      const wanted = address.ref ?? 'HEAD';
      throw new EngineError(
        'invalid',
        `expected checksum to match ${address.commit}, got ${commit}: "${wanted}" of ${shownAddress(address.remote)} is another commit now`,
      );
    }
    if (address.submodules !== false) await this.#checkOutSubmodules(address, tree, depth);
    const gitDir = join(this.#folder, tree, '.git');
    if (!this.#options.keepsGitDir) await rm(gitDir, { recursive: true, force: true });
    else {
      const remote = withoutUser(address.remote);
      await this.#must(address, [...at(tree), 'config', 'remote.origin.url', remote]);
    }
    return commit;
  }

  /** As little as the server lets; all of it where that is not enough. @returns what to check out. */
  async #fetch(address: GitAddress, tree: string, isLast = false): Promise<string> {
    const { ref = 'HEAD' } = address;
    const pinned: PinnedRemote = (await this.#options.hosts?.pin(address)) ?? address;
    const { remote, pin } = pinned;
    const fetch = [...at(tree), 'fetch', '--quiet', '--no-recurse-submodules', '--force'];
    const ask = (...more: readonly string[]): ReturnType<GitProgram['run']> =>
      this.#run(address, [...fetch, ...more], undefined, pin);
    const little = await ask('--no-tags', '--depth=1', '--end-of-options', remote, ref);
    if (little.status === 0) return 'FETCH_HEAD';
    if (!isLast && /returned error: 30[12378]/.test(little.complaint))
      return await this.#fetchRedirected(address, tree);
    const isCommit = /^[0-9a-f]{7,64}$/i.test(ref);
    if (!mayBeFoundOtherwise(little.complaint) || (!isCommit && !/shallow/.test(little.complaint)))
      throw gitProblem(address, little.complaint);
    const all = ['--tags', '--end-of-options', remote, '+refs/heads/*:refs/remotes/origin/*'];
    const { status, complaint } = await ask(...all, ...(isCommit ? [] : [ref]));
    if (status !== 0) throw gitProblem(address, complaint);
    return isCommit ? `${ref}^{commit}` : 'FETCH_HEAD';
  }

  async #fetchRedirected(address: GitAddress, tree: string): Promise<string> {
    const redirected = await this.#redirected(address);
    await this.#checkHost('what is in the place', address, redirected);
    return await this.#fetch(redirected, tree, true);
  }

  /** Where the server sends who asks for the repository. */
  async #redirected(address: GitAddress): Promise<GitAddress> {
    const { redirects, signal } = this.#options;
    const first = address.remote.replace(/\/*$/, QUESTION);
    const last = await redirects.lastAddress(first, { signal });
    const { href } = last;
    if (!href.endsWith(QUESTION))
      throw new EngineError(
        'invalid',
        `${shownAddress(address.remote)} redirects to ${shownAddress(`${last.origin}${last.pathname}`)}, which is no git repository`,
      );
    const remote = href.slice(0, -QUESTION.length);
    const isSame = last.origin === new URL(address.remote).origin;
    const user = /^[a-z]+:\/\/([^/@]*@)/i.exec(address.remote)?.[1] ?? '';
    return {
      ...address,
      scheme: last.protocol === 'https:' ? 'https' : 'http',
      // Its password is for the server that it was given for.
      remote: isSame ? withoutUser(remote).replace('://', () => `://${user}`) : withoutUser(remote),
    };
  }

  async #checkOutSubmodules(address: GitAddress, tree: string, depth: number): Promise<void> {
    const files = await this.#said(address, [...at(tree), 'ls-files', '--stage', '-z'], LIST_BYTES);
    const links = files.split('\0').flatMap(line => {
      const [, commit, path] = /^160000 ([0-9a-f]{40,64}) 0\t(.+)$/s.exec(line) ?? [];
      return commit === undefined || path === undefined ? [] : [{ commit, path }];
    });
    if (links.length === 0) return;
    if (depth >= DEEPEST_SUBMODULE)
      throw new EngineError('invalid', `submodules within submodules more than ${DEEPEST_SUBMODULE} deep`);
    const list = ['config', '--blob', 'HEAD:.gitmodules', '-z', '--list'];
    const { output } = await this.#run(address, [...at(tree), ...list], SHORT_BYTES);
    const urls = submoduleUrls(output);
    for (const { commit, path } of links) {
      this.#submodules += 1;
      if (this.#submodules > MOST_SUBMODULES)
        throw new EngineError('invalid', `the repository has more than ${MOST_SUBMODULES} submodules`);
      const module = submoduleAddress(address, path, urls.get(path), commit);
      await this.#checkHost('a submodule', address, module);
      // Its folder is there and empty; a link in its place would lead elsewhere.
      await plainFolder(join(this.#folder, tree), path);
      await this.checkOut(module, `${tree}/${path}`, depth + 1);
    }
  }

  /** A repository of the internet names nothing of this machine or its network. */
  async #checkHost(what: string, from: GitAddress, to: GitAddress): Promise<void> {
    const { hosts } = this.#options;
    if (!hosts || hostOf(from) === hostOf(to)) return;
    const [own, target] = await Promise.all([hosts.addresses(from), hosts.addresses(to)]);
    if (target.length === 0) throw noSuchHost(to);
    const classes = own.map(classOf);
    if (target.map(classOf).every(address => classes.some(base => mayLeadTo(base, address)))) return;
    throw new EngineError(
      'invalid',
      `${what} of ${shownAddress(from.remote)} is at ${shownAddress(to.remote)}, which is not a public address`,
    );
  }

  async #must(address: GitAddress, args: readonly string[]): Promise<void> {
    const { status, complaint } = await this.#run(address, args);
    if (status !== 0) throw gitProblem(address, complaint);
  }

  async #said(address: GitAddress, args: readonly string[], outputBytes = SHORT_BYTES): Promise<string> {
    const { status, complaint, output } = await this.#run(address, args, outputBytes);
    if (status !== 0) throw gitProblem(address, complaint);
    return output;
  }

  #run(
    { scheme }: GitAddress,
    args: readonly string[],
    outputBytes?: number,
    pin?: string,
  ): ReturnType<GitProgram['run']> {
    return this.#git.run(args, {
      folder: this.#folder,
      scheme,
      signal: this.#options.signal,
      ...(outputBytes !== undefined && { outputBytes }),
      ...(pin !== undefined && { pin }),
    });
  }
}

function at(tree: string): string[] {
  return ['-C', `/work/${tree}`];
}

/** What stays in the tree may end in an image. */
function withoutUser(remote: string): string {
  return remote.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}

function noSsh({ remote }: GitAddress): EngineError {
  const hint = 'the engine has no keys of yours; clone it and build the folder, or give an https address';
  return new EngineError('notImplemented', `not implemented: fetching ${remote} over SSH: ${hint}`);
}
