import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { newId } from '#base/ids';
import { isGitAddress, parseGitAddress } from '#spec/dockerfile/git-address';
import type { JailPool } from '#store/jail-pool';
import type { ProgramJail } from '#store/program-jail';
import { decompressForeign, type ForeignCompression, foreignCompressionOf } from './foreign-archive.ts';
import type { GitFetcher } from './git-fetcher.ts';
import { type RootView, viewFolder } from './root-views.ts';
import type { UrlFetcher } from './url-fetcher.ts';

export interface AddSourcesDeps {
  readonly git: Pick<GitFetcher, 'fetch'>;
  readonly urls: Pick<UrlFetcher, 'fetch'>;
  /** absent where the host has none: then archives of xz and bzip2 are refused */
  readonly programJail?: Pick<ProgramJail, 'run'>;
  readonly jail: Pick<JailPool, 'extract'>;
}

/** A source of ADD that has to be fetched. */
export interface AddRequest {
  readonly address: string;
  /** of a file; of a repository the commit */
  readonly checksum?: string;
  readonly keepsGitDir: boolean;
  readonly unpacks: boolean;
}

/** What was fetched, in a folder of its own. */
export interface AddedSource extends AsyncDisposable {
  readonly view: RootView;
  /** what of the folder is meant, as COPY has it */
  readonly sources: readonly string[];
  /** owners are those of the archive that it was */
  readonly isUnpacked: boolean;
}

interface Place {
  /** on a disk, gone with the build */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

/** What ADD does beyond COPY: files and repositories of elsewhere, and archives that only programs of the host can read. */
export class AddSources {
  readonly #deps: AddSourcesDeps;

  constructor(deps: AddSourcesDeps) {
    this.#deps = deps;
  }

  /** @throws {EngineError} `invalid`, `unavailable`, `deadline`, `cancelled`. */
  async fetch({ address, checksum, keepsGitDir, unpacks }: AddRequest, place: Place): Promise<AddedSource> {
    await using undo = new AsyncDisposableStack();
    if (isGitAddress(address)) {
      const git = parseGitAddress(address);
      const wanted = checksum === undefined ? git : { ...git, commit: commitOf(checksum) };
      const keepGitDir = keepsGitDir || (git.keepGitDir ?? false);
      const { path } = undo.use(await this.#deps.git.fetch(wanted, { keepGitDir, signal: place.signal }));
      return added(undo, { view: undo.use(viewFolder(path)), sources: ['/'], isUnpacked: false });
    }
    const file = undo.use(
      await this.#deps.urls.fetch(address, {
        ...(checksum !== undefined && { checksum }),
        signal: place.signal,
      }),
    );
    if (unpacks) {
      const folder = await this.unpack(file.path, place);
      return added(undo, { view: undo.use(viewFolder(folder)), sources: ['/'], isUnpacked: true });
    }
    const name = file.name.replace(/[*?[\\]/g, '\\$&');
    return added(undo, { view: undo.use(viewFolder(file.folder)), sources: [name], isUnpacked: false });
  }

  /** Unpacks an archive into a new folder of `scratch`. @param path trusted @returns the folder */
  async unpack(path: string, { scratch, signal }: Place): Promise<string> {
    const compression = await foreignCompressionOf(path);
    const folder = join(scratch, `a-${newId<string>()}`);
    mkdirSync(folder, { mode: 0o755 });
    const extract = async (archive: string): Promise<void> =>
      void (await this.#deps.jail.extract({ archive, directory: folder, whiteouts: 'none' }, { signal }));
    if (compression === undefined) {
      await extract(path);
      return folder;
    }
    const plain = join(scratch, `t-${newId<string>()}`);
    try {
      await this.#decompress(compression, { from: path, to: plain, signal });
      await extract(plain);
    } finally {
      await rm(plain, { force: true });
    }
    return folder;
  }

  async #decompress(
    compression: ForeignCompression,
    files: { readonly from: string; readonly to: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { programJail } = this.#deps;
    if (!programJail) {
      const hint = 'COPY it and unpack it in a RUN, or use gzip or zstd';
      throw new EngineError(
        'unavailable',
        `${compression} runs in a jail that crun makes, which is not there: ${hint}`,
      );
    }
    await decompressForeign(compression, { ...files, jail: programJail });
  }
}

function added(undo: AsyncDisposableStack, source: Omit<AddedSource, keyof AsyncDisposable>): AddedSource {
  const owned = undo.move();
  return { ...source, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function commitOf(checksum: string): string {
  if (/^[0-9a-f]{7,64}$/i.test(checksum)) return checksum.toLowerCase();
  throw new EngineError(
    'invalid',
    `--checksum of a git repository is a commit, not ${JSON.stringify(checksum.slice(0, 200))}`,
  );
}
