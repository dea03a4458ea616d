import { open } from 'node:fs/promises';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import { isGitAddress, parseGitAddress, shownAddress } from '#spec/dockerfile/git-address';
import type { ProgramJail } from '#store/program-jail';
import type { BuildContext, DockerfileSource } from './build-request.ts';
import type { ContextSpool, SpooledContext } from './context-spool.ts';
import { decompressForeign, foreignCompression, foreignCompressionOf } from './foreign-archive.ts';
import type { GitFetcher } from './git-fetcher.ts';
import type { UrlFetcher } from './url-fetcher.ts';

export interface BuildContextsDeps {
  readonly spool: Pick<ContextSpool, 'receive'>;
  readonly git: Pick<GitFetcher, 'fetch'>;
  readonly urls: Pick<UrlFetcher, 'fetch'>;
  /** absent where the host has none: then archives of xz and bzip2 are refused */
  readonly jail?: Pick<ProgramJail, 'run'>;
}

/** A context that somebody else keeps, on disk until the build is over: disposing it removes it. */
export interface FetchedContext extends AsyncDisposable {
  readonly context: BuildContext;
  /** where the address was that of a Dockerfile alone */
  readonly dockerfile?: DockerfileSource;
  /** of a git repository */
  readonly commit?: string;
}

/** One that the client has sent. */
export interface ReceivedContext extends SpooledContext {
  readonly dockerfile?: undefined;
}

const LARGEST_DOCKERFILE = 2 * 1024 * 1024;
/** `ustar` stands there in a tar. */
const TAR_MAGIC_AT = 257;
const HEAD_BYTES = 512;

/** Takes build contexts in: what a client sends, or has lying elsewhere. */
export class BuildContexts {
  readonly #deps: BuildContextsDeps;

  constructor(deps: BuildContextsDeps) {
    this.#deps = deps;
  }

  /** A tar: plain, or compressed with gzip, zstd, bzip2 or xz. @throws {EngineError} as {@link ContextSpool}. */
  async receive(body: AsyncIterable<Buffer>, { signal }: Abortable = {}): Promise<ReceivedContext> {
    const spooled = await this.#deps.spool.receive(body, signal ? { signal } : {});
    await using undo = new AsyncDisposableStack();
    undo.use(spooled);
    if (spooled.context.kind !== 'archive') return own(undo, spooled);
    const path = await this.#readable(spooled.context.path, signal);
    return own(undo, { context: { kind: 'archive', path }, sizeBytes: spooled.sizeBytes });
  }

  /**
   * What an address leads to: a git repository, a tar, or a Dockerfile.
   *
   * @throws {EngineError} `invalid`, `unavailable`, `deadline`, `cancelled`, `notImplemented`.
   */
  async fetch(address: string, { signal }: { readonly signal: AbortSignal }): Promise<FetchedContext> {
    await using undo = new AsyncDisposableStack();
    if (isGitAddress(address)) {
      const { path, commit } = undo.use(await this.#deps.git.fetch(parseGitAddress(address), { signal }));
      return own(undo, { context: { kind: 'directory', path }, commit });
    }
    if (!/^https?:\/\//i.test(address)) {
      const hint = 'write that of a git repository, or http:// or https:// and that of a tar or a Dockerfile';
      throw new EngineError(
        'invalid',
        `${JSON.stringify(shownAddress(address).slice(0, 200))} is no address of a build context: ${hint}`,
      );
    }
    const { path, name } = undo.use(await this.#deps.urls.fetch(address, { signal }));
    const text = await dockerfileText(path);
    if (text !== undefined)
      return own(undo, { context: { kind: 'none' }, dockerfile: { kind: 'text', text, name } });
    return own(undo, { context: { kind: 'archive', path: await this.#readable(path, signal) } });
  }

  /** The archive itself, or decompressed beside it. */
  async #readable(path: string, signal?: AbortSignal): Promise<string> {
    const compression = await foreignCompressionOf(path);
    if (compression === undefined) return path;
    const { jail } = this.#deps;
    if (!jail)
      throw new EngineError(
        'unavailable',
        `archives compressed with ${compression} are unpacked by crun and ${compression}, which are not both there: use gzip or zstd`,
      );
    const to = `${path}.tar`;
    await decompressForeign(compression, {
      from: path,
      to,
      jail,
      signal: signal ?? new AbortController().signal,
    });
    return to;
  }
}

/** The result with all that belongs to it. */
function own<T extends object>(undo: AsyncDisposableStack, result: T): T & AsyncDisposable {
  const owned = undo.move();
  return { ...result, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** `undefined` for an archive. */
async function dockerfileText(path: string): Promise<string | undefined> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
  await file.read(head, 0, head.length, 0);
  if (isArchive(head)) return undefined;
  const bytes = Buffer.alloc(Math.min(size, LARGEST_DOCKERFILE));
  await file.read(bytes, 0, bytes.length, 0);
  // A tar from before POSIX has no mark, but whole blocks and many NULs.
  if (bytes.includes(0) && size % HEAD_BYTES === 0) return undefined;
  if (size === 0 || size > LARGEST_DOCKERFILE || bytes.includes(0)) {
    throw new EngineError('invalid', 'what the address leads to is neither a tar nor a Dockerfile');
  }
  return bytes.toString('utf8');
}

function isArchive(head: Buffer): boolean {
  const magic = head.toString('hex', 0, 4);
  const isCompressed =
    magic.startsWith('1f8b') || magic === '28b52ffd' || foreignCompression(head) !== undefined;
  return isCompressed || head.toString('latin1', TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === 'ustar';
}
