import type { Abortable } from '#base/abortable';
import type { FileChange } from '#store/jail-jobs';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { containerNotFound } from './errors.ts';
import { checkReadable, findChanges, packRoot } from './layer-access.ts';

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

  /** Files that were deleted with their container are missing in the archive: then it must not look complete. */
  async *#whole(id: string, tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    yield* tar;
    if (this.#context.index.find(id)?.id !== id) throw containerNotFound(id);
  }
}
