import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '#base/ids';
import type { AddedSource, AddRequest, AddSources } from './add-sources.ts';
import type { OpenContext } from './build-context.ts';
import { type RootView, viewFolder } from './root-views.ts';

export interface BuildSourcesDeps {
  /** the build context */
  readonly context: () => Promise<OpenContext>;
  /** a further context of that name */
  readonly named: (name: string) => Promise<RootView> | undefined;
  /** layers of a stage or image; `undefined`: it has none */
  readonly chain: (reference: string, before: number) => Promise<string | undefined>;
  readonly isStage: (reference: string, before: number) => boolean;
  readonly view: (chain: string) => RootView;
  readonly adds: Pick<AddSources, 'fetch'>;
  readonly scratch: string;
}

/** What COPY, ADD and mounts take files from. Each is opened once, and stays so until the build is over. */
export class BuildSources implements AsyncDisposable {
  readonly #deps: BuildSourcesDeps;
  readonly #views = new Map<string, Promise<RootView>>();
  readonly #added = new Map<string, Promise<AddedSource>>();
  #ignores = '';

  constructor(deps: BuildSourcesDeps) {
    this.#deps = deps;
  }

  /** @param from absent: the build context; @param before number of the stage that asks */
  async open(from: string | undefined, before: number): Promise<RootView> {
    if (from === undefined) {
      const { view, ignores } = await this.#deps.context();
      this.#ignores = ignores;
      return view;
    }
    const named = this.#deps.named(from);
    if (named) return await named;
    const chain = (await this.#deps.chain(from, before)) ?? '';
    const known = this.#views.get(chain);
    if (known) return await known;
    const view = Promise.resolve(chain === '' ? this.#empty() : this.#deps.view(chain));
    this.#views.set(chain, view);
    return await view;
  }

  /** The name by content of what is copied from; a context has none. */
  async chainOf(from: string | undefined, before: number): Promise<string | undefined> {
    if (from === undefined || this.isContext(from)) return undefined;
    return await this.#deps.chain(from, before);
  }

  /** What ADD takes from elsewhere: fetched once for a build. */
  async added(request: AddRequest, signal: AbortSignal): Promise<AddedSource> {
    const key = JSON.stringify(request);
    const known = this.#added.get(key);
    if (known) return await known;
    const source = this.#deps.adds.fetch(request, { scratch: this.#deps.scratch, signal });
    this.#added.set(key, source);
    return await source;
  }

  isContext(from: string | undefined): boolean {
    return from === undefined || this.#deps.named(from) !== undefined;
  }

  /** What it is, for messages. */
  shown(from: string, before: number): string {
    if (this.isContext(from)) return `context ${from}`;
    return `${this.#deps.isStage(from, before) ? 'stage' : 'image'} ${from}`;
  }

  /** After {@link open}. */
  ignoresOf(from: string | undefined): string {
    return from === undefined ? this.#ignores : '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const view of await Promise.allSettled(this.#views.values())) {
      if (view.status === 'fulfilled') await view.value[Symbol.asyncDispose]();
    }
    for (const source of await Promise.allSettled(this.#added.values())) {
      if (source.status === 'fulfilled') await source.value[Symbol.asyncDispose]();
    }
    this.#views.clear();
    this.#added.clear();
  }

  #empty(): RootView {
    const folder = join(this.#deps.scratch, `e-${newId<string>()}`);
    mkdirSync(folder);
    return viewFolder(folder);
  }
}
