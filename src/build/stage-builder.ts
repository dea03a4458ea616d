import { EngineError, messageOf } from '#base/errors';
import { type Digest, digestOf } from '#base/ids';
import { changeConfig, type MetadataInstruction } from '#image/config-change';
import { wantedWarnings } from '#spec/dockerfile/check-directive';
import type { Directives, Stage, StageInstruction } from '#spec/dockerfile/instructions';
import { parseTrigger } from '#spec/dockerfile/parse-dockerfile';
import { undefinedVariable, variablesIn } from '#spec/dockerfile/stage-checks';
import { BuildStepError, SourceError } from './build-error.ts';
import type { BuildVertex } from './build-event.ts';
import { type StageVertices, triggerVertex } from './build-vertices.ts';
import type { BuildWork } from './build-work.ts';
import { documentOf, HISTORY_COMMENT, lastCreated } from './image-document.ts';
import { runStep } from './run-step.ts';
import type { StageNames } from './stage-names.ts';
import type { StageScope } from './stage-scope.ts';
import type { StageState } from './stage-state.ts';
import type { MadeStep } from './step-context.ts';
import { transferStep, workdirStep } from './transfer-step.ts';

/** What one instruction led to. */
interface StepEnd {
  readonly state: StageState;
  readonly isCached: boolean;
}

/** Does the instructions of one stage, one after the other. */
export class StageBuilder {
  readonly #work: BuildWork;
  readonly #stage: Stage;
  readonly #names: StageNames;
  readonly #vertices: StageVertices;
  readonly #scope: StageScope;
  /** nothing had to be done yet, or not since the last step that changes files */
  #isCached = true;
  readonly #directives: Directives;
  readonly #seen = { hasCommand: false };
  #state: StageState;

  constructor(
    work: BuildWork,
    stage: Stage,
    start: {
      readonly state: StageState;
      readonly scope: StageScope;
      readonly vertices: StageVertices;
      readonly directives: Directives;
    },
  ) {
    this.#work = work;
    this.#stage = stage;
    this.#vertices = start.vertices;
    this.#names = start.vertices.names;
    this.#scope = start.scope;
    this.#directives = start.directives;
    this.#state = start.state;
  }

  async build(): Promise<StageState> {
    const { OnBuild = [], ...config } = this.#state.config;
    this.#state = { ...this.#state, config };
    for (const text of OnBuild) {
      const instruction = this.#trigger(text);
      await this.#do(instruction, triggerVertex(instruction, this.#vertices, this.#work.progress));
    }
    for (const [index, instruction] of this.#stage.instructions.entries()) {
      const vertex = this.#vertices.instructions[index];
      if (!vertex) throw new TypeError('each instruction has a vertex');
      await this.#do(instruction, vertex);
    }
    return this.#state;
  }

  /** An instruction that its base image left for whoever builds on it. */
  #trigger(text: string): StageInstruction {
    const { lines } = this.#stage.from;
    try {
      return { ...parseTrigger(text), lines };
    } catch (error) {
      throw new BuildStepError('invalid', `ONBUILD ${text}, left by the base image: ${messageOf(error)}`, {
        line: lines.first,
        vertex: this.#stage.from.original,
      });
    }
  }

  async #do(instruction: StageInstruction, vertex: BuildVertex): Promise<void> {
    try {
      await this.#warnOfVariables(instruction);
      const end = await this.#work.progress.run(
        vertex,
        () => this.#one(instruction, vertex),
        ({ state, isCached }) => ({ isCached, stateId: stateId(state) }),
      );
      this.#state = end.state;
      this.#isCached = end.isCached;
      this.#scope.setEnv(end.state.config.Env ?? []);
    } catch (error) {
      throw stepError(error, instruction, vertex, from => this.#work.sources.shown(from, this.#stage.index));
    }
  }

  /** Only here all variables are known. */
  async #warnOfVariables(instruction: StageInstruction): Promise<void> {
    const unknown = variablesIn(instruction).filter(name => !this.#scope.knows(name));
    const warnings = unknown.map(name =>
      undefinedVariable(name, this.#scope.names(), instruction.lines.first),
    );
    for (const { message, line } of wantedWarnings(warnings, this.#directives))
      await this.#work.progress.tell({ type: 'warning', message, line });
  }

  async #one(instruction: StageInstruction, vertex: BuildVertex): Promise<StepEnd> {
    const context = {
      work: this.#work,
      stage: this.#stage,
      names: this.#names,
      scope: this.#scope,
      state: this.#state,
    };
    switch (instruction.keyword) {
      case 'ARG':
        this.#scope.declare(instruction);
        return this.#metadata(this.#state.config, instruction.original);
      case 'RUN':
        return this.#withLayer(await runStep(instruction, vertex, context));
      case 'COPY':
      case 'ADD':
        return this.#withLayer(await transferStep(instruction, context));
      case 'WORKDIR': {
        const { path, made } = await workdirStep(instruction, context);
        return this.#withLayer(made, { ...this.#state.config, WorkingDir: path });
      }
      case 'ENV':
      case 'LABEL':
      case 'USER':
      case 'EXPOSE':
      case 'VOLUME':
      case 'STOPSIGNAL':
      case 'MAINTAINER':
      case 'ONBUILD':
      case 'SHELL':
      case 'CMD':
      case 'ENTRYPOINT':
      case 'HEALTHCHECK':
        return this.#change(instruction);
    }
  }

  #change(instruction: MetadataInstruction): StepEnd {
    const { config, createdBy, author } = changeConfig(this.#state.config, instruction, {
      scope: this.#scope,
      seen: this.#seen,
    });
    const end = this.#metadata(config, createdBy);
    return author === undefined ? end : { ...end, state: { ...end.state, author } };
  }

  /** Its time is that of what came before: when nothing else has changed the same image comes out again. */
  #metadata(config: StageState['config'], createdBy: string): StepEnd {
    const created = this.#work.epoch ?? lastCreated(this.#state.history);
    const entry = {
      ...(created === undefined ? {} : { created }),
      created_by: createdBy,
      comment: HISTORY_COMMENT,
      empty_layer: true,
    };
    const history = [...this.#state.history, entry];
    return { state: { ...this.#state, config, history }, isCached: this.#isCached };
  }

  #withLayer({ layer, createdAt, isCached, createdBy }: MadeStep, config = this.#state.config): StepEnd {
    const entry = {
      created: this.#work.epoch ?? new Date(createdAt).toISOString(),
      created_by: `${createdBy} # buildkit`,
      comment: HISTORY_COMMENT,
      ...(layer ? {} : { empty_layer: true }),
    };
    const state = {
      ...this.#state,
      config,
      layers: layer ? [...this.#state.layers, layer] : this.#state.layers,
      history: [...this.#state.history, entry],
    };
    return { state, isCached };
  }
}

/** What an image of it would be called. */
export function stateId(state: StageState): Digest {
  return digestOf(documentOf(state, lastCreated(state.history) ?? ''));
}

function stepError(
  error: unknown,
  instruction: StageInstruction,
  vertex: BuildVertex,
  shown: (from: string) => string,
): unknown {
  if (error instanceof BuildStepError || !(error instanceof EngineError)) return error;
  if (error.kind === 'cancelled') return error;
  return new BuildStepError(
    error.kind === 'notFound' ? 'invalid' : error.kind,
    stepMessage(error, instruction, shown),
    { line: instruction.lines.first, vertex: vertex.name },
    { cause: error },
  );
}

function stepMessage(
  error: EngineError,
  instruction: StageInstruction,
  shown: (from: string) => string,
): string {
  const { keyword } = instruction;
  if (error instanceof SourceError)
    return `${keyword} ${keyword === 'RUN' ? '--mount=from=' : '--from='}${error.from}: ${error.message}`;
  if ((keyword !== 'COPY' && keyword !== 'ADD') || error.kind !== 'notFound') return error.message;
  if (keyword === 'COPY' && instruction.from !== undefined)
    return `COPY failed: file not found in ${shown(instruction.from)}: ${error.message}`;
  return `${keyword} failed: file not found in build context or excluded by .dockerignore: ${error.message}`;
}
