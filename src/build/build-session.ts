import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { abortError } from '#base/abortable';
import { EngineError, notImplemented } from '#base/errors';
import { type Digest, newId } from '#base/ids';
import type { PullLine } from '#image/pull-progress';
import { taggable } from '#image/taggable';
import { PROXY_ARGUMENTS, platformArguments } from '#spec/dockerfile/build-arguments';
import { expandWord } from '#spec/dockerfile/expand-word';
import type { Dockerfile, Stage } from '#spec/dockerfile/instructions';
import { parseDockerfile } from '#spec/dockerfile/parse-dockerfile';
import { type Platform, parseKnownPlatform } from '#spec/oci/platform';
import { familiarReference, type Reference } from '#spec/reference';
import { BaseImages } from './base-images.ts';
import { type OpenContext, openFolder, readDockerfile, readIgnores } from './build-context.ts';
import type { BuildDeps } from './build-deps.ts';
import { BuildStepError } from './build-error.ts';
import type { BuildVertex, EmitBuild } from './build-event.ts';
import { type BuildPlan, findNamed, findStage, planBuild } from './build-plan.ts';
import type { BuildRequest, BuildResult } from './build-request.ts';
import { BuildSources } from './build-sources.ts';
import { planVertices, type StageVertices } from './build-vertices.ts';
import { BuildWork } from './build-work.ts';
import { noSuchSource, noSuchStage, refuseItself } from './from-problem.ts';
import { documentOf, emptyState, stateOf } from './image-document.ts';
import type { RootView } from './root-views.ts';
import { StageBuilder, stateId } from './stage-builder.ts';
import { type BuildArguments, globalArguments, StageScope } from './stage-scope.ts';
import { chainOf, type StageState } from './stage-state.ts';

interface BuiltStage {
  readonly state: StageState;
  readonly scope: StageScope;
}

interface PreparedBuild {
  readonly dockerfile: Dockerfile;
  readonly plan: BuildPlan;
  readonly args: BuildArguments;
  /** with the arguments before the first FROM */
  readonly expand: (word: string) => string;
  readonly target: Platform;
  readonly vertices: ReadonlyMap<Stage, StageVertices>;
}

/** One build, from its Dockerfile to its image. To be run once. */
export class BuildSession {
  readonly #deps: BuildDeps;
  readonly #request: BuildRequest;
  readonly #work: BuildWork;
  readonly #bases: BaseImages;
  readonly #failed = new AbortController();
  readonly #stages = new Map<number, Promise<BuiltStage>>();
  readonly #named = new Map<string, Promise<RootView>>();
  #context: Promise<OpenContext> | undefined;
  #build: PreparedBuild | undefined;

  static async run(
    deps: BuildDeps,
    request: BuildRequest,
    emit: EmitBuild,
    signal: AbortSignal,
  ): Promise<BuildResult> {
    const tags = (request.tags ?? []).map(taggable);
    await using parts = new AsyncDisposableStack();
    const held = parts.use(new DisposableStack());
    const scratch = join(deps.folders.work, newId<string>());
    mkdirSync(scratch, { mode: 0o700 });
    parts.defer(() => deps.jail.removeTree(scratch));
    const session = new BuildSession(deps, request, emit, { held, scratch, signal });
    parts.defer(() => session.#closeContexts());
    parts.defer(() => session.#work[Symbol.asyncDispose]());
    return await session.#run(tags);
  }

  private constructor(
    deps: BuildDeps,
    request: BuildRequest,
    emit: EmitBuild,
    { held, scratch, signal }: { held: DisposableStack; scratch: string; signal: AbortSignal },
  ) {
    const stop = AbortSignal.any([signal, this.#failed.signal]);
    this.#deps = deps;
    this.#request = request;
    this.#bases = new BaseImages({ images: deps.images, request, held, signal: stop });
    const sources = new BuildSources({
      context: () => this.#openContext(),
      named: name => this.#namedContext(name),
      chain: (reference, before) => this.#chain(reference, before),
      isStage: (reference, before) => this.#findStage(reference, before) !== undefined,
      view: chain => this.#work.view(chain),
      adds: deps.adds,
      scratch,
    });
    const epoch = epochOf(request);
    this.#work = new BuildWork(deps, { request, emit, signal: stop, scratch, held, sources, epoch });
  }

  async #run(tags: readonly Reference[]): Promise<BuildResult> {
    const { progress, signal } = this.#work;
    const dockerfile = parseDockerfile(await this.#readDockerfile());
    for (const { message, line } of dockerfile.warnings)
      await progress.tell({ type: 'warning', message, line });
    await this.#warnOfForeignCache();
    const build = this.#prepare(dockerfile);
    this.#build = build;
    const vertices = [...build.vertices.values()].flatMap(each => [each.from, ...each.instructions]);
    await progress.tell({ type: 'planned', vertices });
    this.#deps.faults.reach('build.1-context');
    const wanted = build.plan.stages.map(stage => this.#stage(stage, build));
    for (const stage of wanted) stage.catch((error: unknown) => this.#failed.abort(error));
    await Promise.allSettled(wanted);
    if (signal.aborted) throw this.#failed.signal.aborted ? this.#failed.signal.reason : abortError(signal);
    const { state } = await this.#stage(build.plan.target, build);
    await this.#warnOfUnused(build.args);
    const vertex = progress.vertex({ name: 'exporting to image', kind: 'export' });
    const image = await progress.run(
      vertex,
      async () => {
        const Labels = { ...state.config.Labels, ...Object.fromEntries(this.#request.labels ?? []) };
        const config = Object.keys(Labels).length === 0 ? state.config : { ...state.config, Labels };
        const bytes = documentOf({ ...state, config }, this.#work.epoch);
        return await this.#deps.images.layers.assemble({ config: bytes, layers: state.layers, tags }, signal);
      },
      () => ({ isCached: false }),
    );
    const names = tags.map(familiarReference);
    await progress.tell({ type: 'image', imageId: image.id, tags: names });
    return { imageId: image.id, tags: names };
  }

  async #warnOfForeignCache(): Promise<void> {
    const { cacheFrom = [] } = this.#request;
    if (cacheFrom.length === 0) return;
    const message = `--cache-from ${cacheFrom.join(', ')} was not looked at: steps are found in the engine's own cache alone`;
    await this.#work.progress.tell({ type: 'warning', message });
  }

  async #readDockerfile(): Promise<Buffer> {
    const { dockerfile } = this.#request;
    if (dockerfile.kind === 'text') return Buffer.from(dockerfile.text);
    return readDockerfile(dockerfile, (await this.#openContext()).view);
  }

  #openContext(): Promise<OpenContext> {
    this.#context ??= this.#loadContext();
    return this.#context;
  }

  async #loadContext(): Promise<OpenContext> {
    const { progress, scratch, signal } = this.#work;
    const vertex = progress.vertex({ name: '[internal] load build context', kind: 'internal' });
    const { context, dockerfile } = this.#request;
    return await progress.run(
      vertex,
      async () => {
        const view = await openFolder(context, join(scratch, 'context'), this.#deps, { signal });
        return { view, ignores: readIgnores(dockerfile, view) };
      },
      () => ({ isCached: false }),
    );
  }

  async #closeContexts(): Promise<void> {
    const context = this.#context ? [this.#context.then(({ view }) => view)] : [];
    const opened = [...context, ...this.#named.values()];
    for (const result of await Promise.allSettled(opened)) {
      if (result.status === 'fulfilled') await result.value[Symbol.asyncDispose]();
    }
  }

  #namedContext(name: string): Promise<RootView> | undefined {
    const context = this.#request.namedContexts?.get(name);
    if (!context) return undefined;
    const { scratch, signal } = this.#work;
    const opened =
      this.#named.get(name) ??
      openFolder(context, join(scratch, `n-${newId<string>()}`), this.#deps, { signal });
    this.#named.set(name, opened);
    return opened;
  }

  #prepare(dockerfile: Dockerfile): PreparedBuild {
    const { stages, directives, globalArgs } = dockerfile;
    const target =
      this.#request.platform === undefined ? this.#deps.platform : parseKnownPlatform(this.#request.platform);
    const platform = platformArguments({
      build: this.#deps.platform,
      target,
      ...(this.#request.target ? { stage: this.#request.target } : {}),
    });
    const open = { given: this.#request.buildArgs ?? new Map(), platform, used: new Set<string>() };
    const args: BuildArguments = { ...open, global: globalArguments(globalArgs, open, directives.escape) };
    const variables = (name: string): string | undefined => args.global.get(name) ?? platform[name];
    const expand = (word: string): string => expandWord(word, variables, { escape: directives.escape });
    const plan = planBuild(dockerfile, this.#request.target, stage => expand(stage.from.image));
    const baseOf = (stage: Stage): string => expand(stage.from.image);
    const order = { stages: plan.stages, stageCount: stages.length, baseOf };
    const vertices = planVertices(order, this.#work.progress);
    return { dockerfile, plan, args, expand, target, vertices };
  }

  #stage(stage: Stage, build: PreparedBuild): Promise<BuiltStage> {
    const known = this.#stages.get(stage.index);
    if (known) return known;
    const built = this.#buildStage(stage, build);
    built.catch(() => undefined); // whoever waits for it gets it
    this.#stages.set(stage.index, built);
    return built;
  }

  async #buildStage(stage: Stage, build: PreparedBuild): Promise<BuiltStage> {
    const vertices = build.vertices.get(stage);
    if (!vertices) throw new TypeError('a stage that is built is planned');
    const start = await this.#from(stage, build, vertices.from);
    const builder = new StageBuilder(this.#work, stage, {
      ...start,
      vertices,
      directives: build.dockerfile.directives,
    });
    return { state: await builder.build(), scope: start.scope };
  }

  async #from(
    { from, index, ...stage }: Stage,
    build: PreparedBuild,
    vertex: BuildVertex,
  ): Promise<BuiltStage> {
    const base = build.expand(from.image);
    const work = async (): Promise<BuiltStage & { readonly id?: Digest }> => {
      if (base === '') throw new EngineError('invalid', `base name (${from.image}) should not be blank`);
      const earlier = findNamed(build.dockerfile.stages, base, index);
      if (earlier) {
        const { state, scope } = await this.#stage(earlier, build);
        return { state, scope: scope.inherited(state.config.Env ?? []) };
      }
      const { id, state } = await this.#baseState({ from, index, ...stage }, build, base, vertex);
      const { escape } = build.dockerfile.directives;
      const scope = new StageScope(build.args, escape, state.config.Env ?? []);
      return { state, scope, ...(id ? { id } : {}) };
    };
    try {
      // An image is called as everywhere else, not as the one would be that is made of it.
      const ended = ({ state, id = stateId(state) }: BuiltStage & { readonly id?: Digest }) => ({
        isCached: true,
        stateId: id,
      });
      return await this.#work.progress.run(vertex, work, ended);
    } catch (error) {
      if (error instanceof BuildStepError || !(error instanceof EngineError) || error.kind === 'cancelled')
        throw error;
      const at = { line: from.lines.first, vertex: vertex.name };
      throw new BuildStepError(error.kind, `FROM ${base}: ${error.message}`, at, { cause: error });
    }
  }

  async #baseState(
    stage: Stage,
    build: PreparedBuild,
    base: string,
    vertex: BuildVertex,
  ): Promise<{ readonly state: StageState; readonly id?: Digest }> {
    const asked =
      stage.from.platform === undefined ? (this.#request.platform ?? '') : build.expand(stage.from.platform);
    const platform = asked === '' ? undefined : parseKnownPlatform(asked);
    if (base === 'scratch') return { state: emptyState(platform ?? build.target) };
    if (this.#request.namedContexts?.has(base)) throw notImplemented(`FROM the named context ${base}`);
    const { id, config, layers } = await this.#bases.get(base, platform, line =>
      this.#tellPull(vertex, line),
    );
    return { id, state: stateOf(config, layers) };
  }

  #tellPull(vertex: BuildVertex, line: PullLine): void {
    const told = this.#work.progress.tell({ type: 'pull', vertex, line });
    // Progress is not waited for: what it is about goes on elsewhere.
    if (told) told.catch((error: unknown) => this.#failed.abort(error));
  }

  /** Layers of what COPY and mounts name: a stage before, or an image. */
  async #chain(reference: string, before: number): Promise<string | undefined> {
    const build = this.#planned();
    const stage = this.#findStage(reference, before);
    if (stage) return chainOf((await this.#stage(stage, build)).state);
    refuseItself(build.dockerfile.stages, reference, before);
    if (/^[0-9]+$/.test(reference)) throw noSuchStage(build.dockerfile.stages, reference);
    const platform = this.#request.platform === undefined ? undefined : build.target;
    try {
      const { layers } = await this.#bases.get(reference, platform, () => undefined);
      return layers.at(-1)?.chainId;
    } catch (error) {
      throw noSuchSource(build.dockerfile.stages, reference, before, error);
    }
  }

  #findStage(reference: string, before: number): Stage | undefined {
    return findStage(this.#planned().dockerfile.stages, reference, before);
  }

  #planned(): PreparedBuild {
    if (this.#build) return this.#build;
    throw new TypeError('nothing is copied before there is a plan');
  }

  async #warnOfUnused({ given, used }: BuildArguments): Promise<void> {
    const unused = [...given.keys()].filter(
      name => !used.has(name) && !PROXY_ARGUMENTS.has(name) && !OWN_ARGUMENTS.test(name),
    );
    if (unused.length === 0) return;
    // Docker's wording
    const message = `One or more build-args [${unused.toSorted().join(' ')}] were not consumed`;
    await this.#work.progress.tell({ type: 'warning', message });
  }
}

/** Arguments that the builder itself reads. */
const OWN_ARGUMENTS = /^(?:SOURCE_DATE_EPOCH|BUILDKIT_.*)$/;

/** @throws {EngineError} `invalid`. */
function epochOf({ buildArgs }: BuildRequest): string | undefined {
  const value = buildArgs?.get('SOURCE_DATE_EPOCH') ?? '';
  if (value === '') return undefined;
  if (/^[0-9]{1,12}$/.test(value)) return new Date(Number(value) * 1000).toISOString();
  throw new EngineError('invalid', `invalid SOURCE_DATE_EPOCH: "${value}": seconds since 1970 are wanted`);
}
