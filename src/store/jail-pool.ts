import { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { type Abortable, abortError, throwIfAborted } from '#base/abortable';
import { EngineError, type ErrorKind } from '#base/errors';
import { Semaphore } from '#base/semaphore';
import { createPipe, type OwnedFd } from '#sys/descriptors';
import type { MountSource } from '#sys/mount';
import type { TreeUsage } from '#sys/tree-usage';
import type { ArchiveFacts, ArchiveInput } from './archive-source.ts';
import type { BindPartInput } from './bind-part.ts';
import { GrowthReader } from './growing-file.ts';
import {
  type CopyInput,
  type ExtractInput,
  type ExtractResult,
  type IndexInput,
  type IndexResult,
  type JailFailure,
  type JailJobName,
  type JailJobs,
  type PackInput,
  type PackLayersInput,
  type SealIndexInput,
} from './jail-jobs.ts';
import type { JailThread } from './jail-thread.ts';
import { JailThreads } from './jail-threads.ts';
import { LargeWindow } from './large-window.ts';
import type { Look, LookAtInput, NotFound } from './look-at.ts';
import { SharedThreads, type Work } from './shared-threads.ts';
import { endWhenStuck, isOverInTime } from './stuck-work.ts';

export interface JailPoolOptions {
  /** threads at a time; default: one per processor, at most 4 */
  readonly size?: number;
  /** An idle thread ends after this time: it holds some 15 MB. Default 10 s. */
  readonly idleMs?: number;
  /** How long a tree that is read may give nothing: its server may be dead. Default two minutes. */
  readonly stuckMs?: number;
}

const MAX_THREADS = 4;
const DEFAULT_IDLE_MS = 10_000;
const DEFAULT_STUCK_MS = 120_000;
/** Threads that wait for what does not come, beside those that work. */
const MOST_STUCK = 16;

export interface GroupOptions extends Abortable {
  /** Jobs of one group share threads, and the end of one where one of them needs too much memory. */
  readonly group?: string;
}

/**
 * Worker threads for everything that touches untrusted trees or takes long: unpacking layers, copying, adding up and
 * removing directories. Names of such a tree are resolved inside a jail or by descriptors, never by the engine itself.
 *
 * Threads start when there is work, and end when there has been none for a while or on disposal.
 */
export class JailPool implements AsyncDisposable {
  readonly #slots: Semaphore;
  /** Jobs that wait for a download have places of their own: they hold up nothing that waits for the disk. */
  readonly #streamSlots: Semaphore;
  readonly #threads: JailThreads;
  readonly #shared: SharedThreads;
  readonly #largeWindow = new LargeWindow();
  readonly #running = new Set<SharedArrayBuffer>();
  readonly #stuckMs: number;
  #stuck = 0;

  constructor({ size, idleMs = DEFAULT_IDLE_MS, stuckMs = DEFAULT_STUCK_MS }: JailPoolOptions = {}) {
    this.#stuckMs = stuckMs;
    const threads = size ?? Math.min(availableParallelism(), MAX_THREADS);
    this.#slots = new Semaphore(threads);
    this.#streamSlots = new Semaphore(size ?? MAX_THREADS);
    this.#threads = new JailThreads(idleMs, threadId => this.#largeWindow.release(threadId + 1));
    this.#shared = new SharedThreads({
      threads: this.#threads,
      slots: this.#streamSlots,
      mostOfGroup: Math.ceil(threads / 2), // zlib has threads of its own
    });
  }

  /**
   * Unpacks a tar (plain, gzip or zstd) into a directory, jailed in it.
   *
   * @throws {EngineError} `invalid` for a bad archive, `unavailable` when the disk is full, `cancelled`. The directory
   * then holds a part.
   */
  extract(
    { archive, ...input }: Omit<ExtractInput, 'archive'> & { readonly archive: string | ArchiveInput },
    options?: Abortable,
  ): Promise<ExtractResult> {
    return this.run('extract', { ...input, archive: archiveInput(archive) }, options);
  }

  /** Gives directories of a layer the attributes they have below it: `''` is the root. */
  async adopt(
    layer: string,
    parents: readonly string[],
    paths: readonly string[],
    options?: Abortable,
  ): Promise<void> {
    await this.run('adopt', { layer, parents, paths }, options);
  }

  /**
   * Takes a layer in as its tar and an index of it, in a directory, both on disk to stay. {@link sealIndex} must follow.
   * Layers of one group that are still being downloaded share a thread.
   *
   * @throws {EngineError} as {@link extract}.
   */
  index(input: IndexInput, options?: GroupOptions): Promise<IndexResult> {
    return this.run('index', input, options);
  }

  /** Completes an index by what the layers below say about its directories. */
  async sealIndex(input: SealIndexInput, options?: GroupOptions): Promise<void> {
    await this.run('sealIndex', input, options);
  }

  /** Digests and sizes of an archive and of what it contains, decompressed. @throws {EngineError} `invalid`. */
  measure(archive: string | ArchiveInput, options?: Abortable): Promise<ArchiveFacts> {
    return this.run('measure', { archive: archiveInput(archive) }, options);
  }

  /**
   * Copies the content of the directory `path` in the tree `root` into `destination` as `cp -a`, and gives that the
   * attributes of the source directory. `path` is resolved with `root` as its root: no link leads out.
   * A destination that is not empty stays as it is.
   *
   * @returns `false` when the source does not exist or is no directory.
   */
  copyTree(
    { root, path }: { readonly root: string; readonly path: string },
    destination: string,
    options?: Abortable,
  ): Promise<boolean> {
    return this.run('copyTree', { root, path, destination }, options);
  }

  /**
   * A tar of the tree `root`, or of what it has at `path`, as it is made: with owners, times, extended attributes, holes
   * and links, nothing followed. The stream fails when the tree cannot be read to its end. `onEnd`: nobody reads it any more, also
   * when this throws.
   *
   * @throws {EngineError} `notFound` from the stream when `path` is not there.
   */
  pack(tree: Omit<PackInput, 'fd'>, options?: Abortable & { readonly onEnd?: () => void }): Readable {
    return this.#stream(fd => ['pack', { ...tree, fd }], options);
  }

  /** A tar of the one layer that several make together. `onEnd`: nobody reads their directories any more, also when this throws. */
  packLayers(
    layers: Omit<PackLayersInput, 'fd'>,
    options?: Abortable & { readonly onEnd?: () => void },
  ): Readable {
    return this.#stream(fd => ['packLayers', { ...layers, fd }], options);
  }

  /** The layer of what COPY copies. `onEnd`: nobody reads the trees any more. */
  copy(input: Omit<CopyInput, 'fd'>, options?: Abortable & { readonly onEnd?: () => void }): Readable {
    return this.#stream(fd => ['packCopy', { ...input, fd }], options);
  }

  /** Adds up a tree: links are not followed, mounts not entered. */
  usage(path: string, options?: Abortable): Promise<TreeUsage> {
    return this.run('usage', { path }, options);
  }

  /** Bytes of content of a tree, a file with several names counted once. */
  async diskUsage(path: string, options?: Abortable): Promise<number> {
    return (await this.usage(path, options)).sizeBytes;
  }

  /** As `Mounts.mount`, where that may take long: a server is asked, a disk repaired. The signal does not end it. */
  async mount(target: string, spec: MountSource): Promise<void> {
    await this.run('mount', { target, spec });
  }

  /** As `Mounts.unmount`, for the same. */
  async unmount(target: string): Promise<void> {
    await this.run('unmount', { target });
  }

  /** As the function of this name, where it may take long. */
  lookAt(input: LookAtInput, options?: Abortable): Promise<Look> {
    return this.run('lookAt', input, options);
  }

  /** As the function of this name, where it may take long. The signal does not end it. */
  bindPart(input: BindPartInput): Promise<NotFound | undefined> {
    return this.run('bindPart', input);
  }

  /** Waits until everything on the file system of `path` is on its disk. */
  async sync(path: string, options?: Abortable): Promise<void> {
    await this.run('sync', { path }, options);
  }

  /** Removes a tree of any depth. Nothing outside is touched, no mount entered. Happy to find nothing. */
  async removeTree(path: string, options?: Abortable): Promise<void> {
    if (!(await this.run('removeTree', { path }, options)))
      throw new EngineError('cancelled', 'removal was cancelled');
  }

  /**
   * Runs one job on a thread of its own. Only those that never enter a jail may have a group, which shares threads while it
   * waits for downloads: to start one costs more than to index a small layer.
   *
   * @throws {EngineError} what the job failed with; `cancelled`.
   */
  async run<N extends JailJobName>(
    job: N,
    input: JailJobs[N]['input'],
    { signal, group }: GroupOptions = {},
  ): Promise<JailJobs[N]['output']> {
    const work = (thread: JailThread): Promise<JailJobs[N]['output']> =>
      this.#ask(thread, job, input, signal);
    const archive = 'archive' in input ? input.archive : undefined;
    if (archive?.growth)
      return await this.#runStreaming({ ...archive, growth: archive.growth }, group, work, signal);
    if (group !== undefined && this.#shared.has(group))
      return await this.#shared.run(group, work, { signal });
    return await this.#runAlone(this.#slots, work, signal);
  }

  /** What has ended while it waited for a place is work like any other: it is not held up by what may never come. */
  async #runStreaming<T>(
    { growth, expected }: ArchiveInput & { readonly growth: SharedArrayBuffer },
    group: string | undefined,
    work: Work<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const hasEnded = new AbortController();
    let isWaiting = true;
    const stop = (): boolean => !isWaiting || signal?.aborted === true;
    const ended = new GrowthReader(growth).more(Number.POSITIVE_INFINITY, stop);
    const onEnd = (): void => hasEnded.abort();
    ended.then(onEnd, onEnd); // when it does not come, the work says so
    const begun = (thread: JailThread): Promise<T> => {
      isWaiting = false;
      return work(thread);
    };
    const either = signal ? AbortSignal.any([signal, hasEnded.signal]) : hasEnded.signal;
    try {
      if (group !== undefined)
        return await this.#shared.run(group, begun, { signal: either, bytes: expected?.sizeBytes });
      return await this.#runAlone(this.#streamSlots, begun, either);
    } catch (error) {
      if (!isWaiting || !hasEnded.signal.aborted) throw error;
      return await this.#runAlone(this.#slots, begun, signal);
    } finally {
      isWaiting = false;
    }
  }

  async #runAlone<T>(slots: Semaphore, work: Work<T>, signal: AbortSignal | undefined): Promise<T> {
    const begun = Promise.withResolvers<T>();
    begun.promise.catch(() => undefined); // awaited below, when it has begun
    const begin = async (): Promise<void> => {
      throwIfAborted(signal);
      const thread = this.#threads.take();
      const done = work(thread).finally(() => this.#threads.giveBack(thread));
      begun.resolve(done);
      await this.#hold(done, signal);
    };
    await slots.run(begin, signal ? { signal } : {});
    return await begun.promise;
  }

  /** Until it is over: nobody else's turn is held up by what hangs, as far as there are threads. Who waits for it goes on waiting. */
  async #hold(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
    if (await isOverInTime(work, signal)) return;
    if (this.#stuck >= MOST_STUCK) return void (await work.catch(() => undefined));
    this.#stuck += 1;
    const end = (): void => {
      this.#stuck -= 1;
    };
    work.then(end, end);
  }

  /** Stops what is under way, and waits until all threads have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const stop of this.#running) setStop(stop);
    await this.#threads[Symbol.asyncDispose]();
  }

  /** What a job writes to the descriptor it gets. */
  #stream(
    jobFor: (fd: number) => StreamJob,
    { signal, onEnd = () => undefined }: Abortable & { readonly onEnd?: () => void } = {},
  ): Readable {
    const { stream, writer } = this.#openStream(onEnd);
    endWhenStuck(stream, this.#stuckMs);
    const gone = new AbortController();
    stream.once('close', () => gone.abort());
    stream.on('error', () => undefined); // whoever reads gets it, also who comes later
    const either = signal ? AbortSignal.any([signal, gone.signal]) : gone.signal;
    const [job, input] = jobFor(writer.number);
    this.run(job, input, { signal: either })
      .catch((error: unknown) => {
        stream.destroy(error instanceof Error ? error : new Error(String(error)));
      })
      .finally(() => {
        writer[Symbol.dispose](); // the stream's end
        onEnd();
      });
    return stream;
  }

  /** Also where there are no descriptors left nobody reads any more. */
  #openStream(onEnd: () => void): { readonly stream: Socket; readonly writer: OwnedFd } {
    using failed = new DisposableStack();
    failed.defer(onEnd);
    const { reader, writer } = createPipe();
    failed.use(reader);
    failed.use(writer);
    const stream = new Socket({ fd: reader.number, readable: true, writable: false });
    reader.take(); // is the stream's
    failed.move();
    return { stream, writer };
  }

  #completed<I extends JailJobs[JailJobName]['input']>(input: I): I {
    if (!('archive' in input)) return input;
    return { ...input, archive: { ...input.archive, largeWindow: this.#largeWindow.shared } };
  }

  async #ask<N extends JailJobName>(
    thread: JailThread,
    job: N,
    input: JailJobs[N]['input'],
    signal: AbortSignal | undefined,
  ): Promise<JailJobs[N]['output']> {
    throwIfAborted(signal);
    this.#threads.checkOpen();
    const stop = new SharedArrayBuffer(1);
    const onAbort = (): void => setStop(stop);
    this.#running.add(stop);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const result = await thread.ask({ job, input: this.#completed(input), stop });
      if ('failure' in result) throw signal?.aborted ? abortError(signal) : errorOf(job, result.failure);
      // The worker's handler of that name returns this.
      return result.output as JailJobs[N]['output'];
    } finally {
      this.#running.delete(stop);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

type StreamJob = ['pack', PackInput] | ['packLayers', PackLayersInput] | ['packCopy', CopyInput];

function archiveInput(archive: string | ArchiveInput): ArchiveInput {
  return typeof archive === 'string' ? { path: archive } : archive;
}

function setStop(stop: SharedArrayBuffer): void {
  Atomics.store(new Uint8Array(stop), 0, 1);
}

const KINDS: ReadonlySet<string> = new Set<ErrorKind>([
  'invalid',
  'notFound',
  'unavailable',
  'cancelled',
  'dataLoss',
]);

function errorOf(job: JailJobName, { kind, message, code }: JailFailure): EngineError {
  // The set holds kinds only.
  if (KINDS.has(kind)) return new EngineError(kind as ErrorKind, message);
  return new EngineError('internal', `${job}: ${message}`, {
    cause: Object.assign(new Error(message), { code }),
  });
}
