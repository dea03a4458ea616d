import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import { newId } from '#base/ids';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import { byteString } from '#spec/tar/byte-string';
import type { FileChange } from '#store/jail-jobs';
import { type Found, type Look, lookAt } from '#store/look-at';
import { spoolArchive } from '#store/spool-archive';
import {
  absolutePath,
  checkDestination,
  checkSource,
  foundAt,
  type PathStat,
  statOf,
} from './archive-access.ts';
import type { Container } from './container.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { checkReadable, checkThere, findChanges, packRoot } from './layer-access.ts';
import { checkCopy, type RootView, runningRoot, stoppedRoot } from './root-view.ts';
import { answerOf, orGivenUp } from './slow-files.ts';

export interface WriteOptions extends Abortable {
  /** Fail rather than put a directory in the place of something else, or the other way round. */
  readonly keepsKinds: boolean;
  /** All of it shall belong to the container's user, where that is set. */
  readonly copiesOwner: boolean;
}

interface Spooled extends Disposable {
  readonly path: string;
  /** It stays until this has ended, whatever it comes to. */
  keepFor(work: Promise<unknown>): void;
}

/** The files of containers, running or not. */
export class ContainerFiles {
  readonly #context: ContainerContext;

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  /** What differs from the image, as `docker diff` tells it. @throws `notFound`. */
  async changes(reference: string, options: Abortable = {}): Promise<FileChange[]> {
    return await findChanges(this.#context.index.get(reference), this.#context, options);
  }

  /**
   * The root file system as a tar, without volumes. @throws `notFound`, `conflict`; from the stream, also when the
   * container is removed meanwhile.
   */
  export(reference: string, options: Abortable = {}): AsyncIterable<Buffer> {
    const container = this.#context.index.get(reference);
    checkReadable(container, 'export');
    const { snapshots, streams } = this.#context;
    const tar = packRoot(container, { snapshots, jail: streams }, options);
    emitContainerEvent(this.#context, container, 'export');
    return this.#whole(container.id, tar);
  }

  /** What is at a path, as `docker cp` asks it. @throws `notFound` for container or path. */
  async stat(reference: string, path: string, options: Abortable = {}): Promise<PathStat> {
    const container = this.#context.index.get(reference);
    const absolute = absolutePath(path);
    await using view = await this.#readView(container, options);
    return statOf(await this.#look(view, container, { path: absolute, reference }, options), absolute);
  }

  /** A tar of what is at a path, with what is mounted there as the container sees it. @throws as {@link stat}, `invalid`. */
  async read(
    reference: string,
    path: string,
    options: Abortable = {},
  ): Promise<{ readonly stat: PathStat; readonly tar: AsyncIterable<Buffer> }> {
    const container = this.#context.index.get(reference);
    const absolute = absolutePath(path);
    await using held = new AsyncDisposableStack();
    const view = held.use(await this.#readView(container, options));
    const found = await this.#look(view, container, { path: absolute, reference }, options);
    checkSource(found, absolute, reference);
    const stat = statOf(found, absolute);
    const owned = held.move();
    const tar = this.#context.streams.pack(
      { root: view.fd, path: absolute, name: byteString(stat.name), entersMounts: true },
      { ...options, onEnd: () => void owned.disposeAsync() },
    );
    emitContainerEvent(this.#context, container, 'archive-path');
    return { stat, tar: this.#wholeTree(container, tar, view) };
  }

  /**
   * Unpacks a tar (plain, gzip or zstd) in a directory, over what is there.
   *
   * @throws `notFound`; `invalid` for a bad archive or when the path is no directory; `forbidden` where nothing can be written.
   */
  async write(reference: string, path: string, archive: Readable, options: WriteOptions): Promise<void> {
    const context = this.#context;
    const container = context.index.get(reference);
    const absolute = absolutePath(path);
    const check = async (view: RootView): Promise<void> => {
      const at = { path: absolute, reference, follows: true };
      checkDestination(await this.#look(view, container, at, options), view, absolute, container);
    };
    {
      // Before the client sends gigabytes.
      await using view = await this.#readView(container, options);
      await check(view);
    }
    using spooled = await this.#spool(archive, options);
    await this.#withWriteView(container.id, options, async view => {
      const { fd: root } = view;
      await check(view);
      const { User } = container.config;
      const user = options.copiesOwner && User !== '' ? lookUpUser(root, User) : undefined;
      const input = {
        archive: { path: spooled.path },
        root,
        path: absolute,
        keepsKinds: options.keepsKinds,
        ...(user && { owner: { uid: user.uid, gid: user.gid } }),
      };
      const work = view.use(context.streams.run('writeTree', input, options));
      await orGivenUp(work, { ...options, onGivenUp: () => spooled.keepFor(work) });
    });
    emitContainerEvent(context, container, 'extract-to-dir');
  }

  /** Looks at a path without ever waiting for a server on this thread. @throws {EngineError} what {@link foundAt} does, `unavailable`. */
  async #look(
    view: RootView,
    container: Container,
    { path, reference, follows = false }: { path: string; reference: string; follows?: boolean },
    options: Abortable,
  ): Promise<Found> {
    const { streams } = this.#context;
    const input = { root: view.fd, path, follows };
    if (!this.#mayWait(container)) return foundAt(lookAt(input), path, reference);
    const look = (): Promise<Look> => view.use(streams.lookAt(input));
    return foundAt(await answerOf(this.#context, container, path, look, options), path, reference);
  }

  /** Whether something of a server may be mounted in it: by us, or by itself. */
  #mayWait({ mounts, hostConfig }: Container): boolean {
    const { volumes } = this.#context;
    return (
      hostConfig.Privileged ||
      (hostConfig.CapAdd ?? []).some(each => /^(?:ALL|(?:CAP_)?SYS_ADMIN)$/i.test(each)) ||
      mounts.some(
        ({ type, name }) =>
          type === 'bind' || (type === 'volume' && name !== undefined && volumes.isFar(name)),
      )
    );
  }

  async #readView(container: Container, options: Abortable): Promise<RootView> {
    const context = this.#context;
    checkCopy(container);
    const running = runningRoot(context, container);
    if (running) return running;
    using _lock = await context.locks.lock(container.id, options);
    const current = context.index.get(container.id);
    return (
      runningRoot(context, current) ??
      (await stoppedRoot(context, current, { ...options, isWritable: false }))
    );
  }

  /** A container that does not run is not started meanwhile. */
  async #withWriteView(
    id: string,
    options: Abortable,
    work: (view: RootView) => Promise<void>,
  ): Promise<void> {
    const context = this.#context;
    {
      const container = context.index.get(id);
      await using running = runningRoot(context, container);
      if (running) {
        await work(running);
        if (await this.#isRunningOn(container)) return;
        // It ended meanwhile: what was for a volume may be where the volume was mounted.
      }
    }
    using _lock = await context.locks.lock(id, options);
    await context.teardowns.get(id); // what the last run left is still being removed
    const current = context.index.get(id);
    checkCopy(current);
    await using view =
      runningRoot(context, current) ??
      (await stoppedRoot(context, current, { ...options, isWritable: true }));
    await work(view);
  }

  /** In a file without a name: a crash leaves nothing. */
  async #spool(archive: Readable, options: Abortable): Promise<Spooled> {
    const path = join(this.#context.paths.containersDir, `copy-${newId<string>()}`);
    try {
      await spoolArchive(path, archive, options);
      const fd = openSync(path, 'r');
      let user: Promise<unknown> = Promise.resolve();
      return {
        path: `/proc/self/fd/${fd}`,
        keepFor: work => {
          user = work;
        },
        [Symbol.dispose]: () => {
          const close = (): void => closeSync(fd);
          user.then(close, close);
        },
      };
    } finally {
      rmSync(path, { force: true });
    }
  }

  async *#whole(id: string, tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    yield* tar;
    checkThere(this.#context, id);
  }

  /** What was mounted in a container goes away with its last process, and is missing from then on. */
  async *#wholeTree(
    container: Container,
    tar: AsyncIterable<Buffer>,
    view: RootView,
  ): AsyncGenerator<Buffer> {
    yield* tar;
    checkThere(this.#context, container.id);
    if (!view.isOfProcess || (await this.#isRunningOn(container))) return;
    throw new EngineError(
      'conflict',
      `container ${container.id} ended while its files were copied, and what was mounted in it went away: copy again`,
    );
  }

  async #isRunningOn(container: Container): Promise<boolean> {
    if (container.mounts.length === 0) return true; // then nothing went away
    await using root = runningRoot(this.#context, container);
    return root !== undefined;
  }
}
