import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import type { Digest } from '#base/ids';
import { newId } from '#base/ids';
import { Semaphore } from '#base/semaphore';
import type { LayerRecord } from '#image/image-table';
import type { BuildDeps } from './build-deps.ts';
import type { EmitBuild } from './build-event.ts';
import { BuildProgress } from './build-progress.ts';
import type { BuildRequest } from './build-request.ts';
import type { BuildSources } from './build-sources.ts';
import { type RootView, viewLayers } from './root-views.ts';
import type { OnOutput } from './run-process.ts';
import type { StageNames } from './stage-names.ts';
import { chainOf, type StageState } from './stage-state.ts';
import type { StepResult } from './step-cache.ts';

/** What a step is done with. */
export interface StepTools {
  readonly onOutput: OnOutput;
  /** Takes the layer that it leaves. To be called at most once. */
  readonly store: (tar: Readable) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface StepRequest {
  /** What it is found by, the cheapest first; only asked for when those before led to nothing. */
  readonly keys: readonly (() => Digest | Promise<Digest>)[];
  readonly description: string;
  /** What no key has and only builds that have it in common do together: their secrets, proxies and limits. */
  readonly common?: string;
  /** what it is done over */
  readonly state: StageState;
  readonly stage: StageNames;
  readonly onOutput?: OnOutput;
  readonly make: (tools: StepTools) => Promise<void>;
}

/** What the steps of one build share. */
export class BuildWork implements AsyncDisposable {
  readonly sources: BuildSources;
  readonly request: BuildRequest;
  readonly progress: BuildProgress;
  readonly signal: AbortSignal;
  /** on a disk, gone with the build */
  readonly scratch: string;
  /** what all times of the image shall be; absent: when it happens */
  readonly epoch: string | undefined;
  /** what is kept off the garbage until the build is over */
  readonly held: DisposableStack;
  readonly #deps: BuildDeps;
  /** steps that were begun for this build, and perhaps for others who wait for them too: they read its files */
  readonly #begun = new Set<Promise<StepResult>>();
  readonly #slots = new Semaphore(availableParallelism());

  constructor(
    deps: BuildDeps,
    parts: Pick<BuildWork, 'request' | 'signal' | 'scratch' | 'epoch' | 'held' | 'sources'> & {
      readonly emit: EmitBuild;
    },
  ) {
    this.#deps = deps;
    this.sources = parts.sources;
    this.request = parts.request;
    this.progress = new BuildProgress(parts.emit);
    this.signal = parts.signal;
    this.scratch = parts.scratch;
    this.epoch = parts.epoch;
    this.held = parts.held;
  }

  get jail(): BuildDeps['jail'] {
    return this.#deps.jail;
  }

  get adds(): BuildDeps['adds'] {
    return this.#deps.adds;
  }

  get mounts(): BuildDeps['runMounts'] {
    return this.#deps.runMounts;
  }

  get runs(): BuildDeps['runs'] {
    return this.#deps.runs;
  }

  /** For directories that are made. */
  createdSeconds(): number {
    return Math.floor((this.epoch === undefined ? Date.now() : Date.parse(this.epoch)) / 1000);
  }

  /** Only to be read; the caller disposes it. */
  view(chain: string): RootView {
    return viewLayers(chain, this.#deps);
  }

  /** A step, unless it was done before; equal ones that are under way elsewhere are waited for. */
  async step(request: StepRequest): Promise<StepResult & { readonly isCached: boolean }> {
    const isForced = this.#isForced(request.stage);
    const keys: Digest[] = [];
    for (const ask of request.keys) {
      const key = await ask();
      const found = isForced ? undefined : this.#deps.cache.find(key, this.held);
      if (found) {
        for (const other of keys) this.#remember(other, request, found.layer);
        return { ...found, isCached: true };
      }
      keys.push(key);
    }
    const result = await this.#slots.run(() => this.#make(request, keys, isForced), { signal: this.signal });
    return { ...result, isCached: false };
  }

  async #make(request: StepRequest, keys: readonly Digest[], isForced: boolean): Promise<StepResult> {
    const last = keys.at(-1) ?? '';
    const shared = `${last} ${request.common ?? ''}`;
    const flight = isForced ? `${shared} ${newId<string>()}` : shared;
    const onOutput = request.onOutput ?? (() => undefined);
    const result = await this.#deps.shared.run(
      flight,
      onOutput,
      (tell, signal) => this.#begin(request, keys, { onOutput: tell, signal }),
      { signal: this.signal },
    );
    for (const key of keys) this.#deps.cache.use(key, result.layer, this.held);
    return result;
  }

  #begin(
    request: StepRequest,
    keys: readonly Digest[],
    tools: Omit<StepTools, 'store'>,
  ): Promise<StepResult> {
    const begun = this.#do(request, keys, tools);
    this.#begun.add(begun);
    return begun;
  }

  async #do(
    request: StepRequest,
    keys: readonly Digest[],
    tools: Omit<StepTools, 'store'>,
  ): Promise<StepResult> {
    const { images, faults } = this.#deps;
    using holder = new DisposableStack();
    let layer: LayerRecord | undefined;
    const store = async (tar: Readable): Promise<void> => {
      const options = { holder, signal: tools.signal, label: 'the layer of a step' };
      layer = await images.layers.add(tar, request.state.layers, options);
      faults.reach('build.5-layer');
    };
    await request.make({ ...tools, store });
    let result: StepResult = { layer, createdAt: Date.now() };
    for (const key of keys) result = this.#remember(key, request, layer);
    faults.reach('build.6-row');
    return result;
  }

  #remember(key: Digest, { description, state }: StepRequest, layer: LayerRecord | undefined): StepResult {
    return this.#deps.cache.add({ key, description, parentChain: chainOf(state), layer });
  }

  #isForced({ name, shown }: StageNames): boolean {
    const { noCache = false } = this.request;
    return typeof noCache === 'boolean' ? noCache : noCache.includes(name) || noCache.includes(shown);
  }

  /** Waits for what still reads the build's files. What nobody waits for any more was told to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#begun);
    await this.sources[Symbol.asyncDispose]();
  }
}
