import { EngineError, messageOf } from '#base/errors';
import type { BuildEvent, BuildVertex, EmitBuild } from './build-event.ts';

/** Tells of steps, in the order things happen. */
export class BuildProgress {
  readonly #emit: EmitBuild;
  #lastId = 0;
  #hasFailed = false;

  constructor(emit: EmitBuild) {
    this.#emit = emit;
  }

  vertex(vertex: Omit<BuildVertex, 'id'>): BuildVertex {
    this.#lastId += 1;
    return { id: this.#lastId, ...vertex };
  }

  tell(event: BuildEvent): void | Promise<void> {
    return this.#emit(event);
  }

  /** Runs the work of a vertex, and tells how it goes. */
  async run<T>(
    vertex: BuildVertex,
    work: () => Promise<T>,
    ended: (result: T) => Pick<BuildEvent & { readonly type: 'done' }, 'isCached' | 'stateId'>,
  ): Promise<T> {
    await this.#emit({ type: 'started', vertex, at: Date.now() });
    try {
      const result = await work();
      await this.#emit({ type: 'done', vertex, at: Date.now(), ...ended(result) });
      return result;
    } catch (error) {
      // The first one to fail ends all others, and those that wait for it fail with its error.
      const isCancelled = this.#hasFailed || (error instanceof EngineError && error.kind === 'cancelled');
      this.#hasFailed = true;
      await this.#emit({ type: 'failed', vertex, at: Date.now(), message: messageOf(error), isCancelled });
      throw error;
    }
  }
}
