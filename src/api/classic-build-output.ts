import { StringDecoder } from 'node:string_decoder';
import { shortId } from '#base/ids';
import type { BuildEvent, BuildVertex } from '#build/build-event';
import { LineTail } from './line-tail.ts';
import type { Emit } from './progress-reply.ts';

/** What is kept of what a step says while another one is shown, and of what a quiet build says. */
const MOST_CHARACTERS = 1024 * 1024;

/**
 * A build as Docker's classic builder tells of it, which clients look into: `Step 1/3 : FROM busybox`, ` ---> 1d2c…`,
 * `Successfully built 1d2c…`. Steps that are done at the same time are told one after the other, in the order of the
 * Dockerfile, each once those before it are over.
 */
export class ClassicBuildOutput {
  readonly #emit: Emit;
  readonly #isQuiet: boolean;
  readonly #steps = new Map<number, StepOutput>();
  /** all that will come, in their order */
  #plan: PlannedStep[] = [];
  /** by stage, once a step in it was looked up */
  readonly #found = new Map<string, boolean>();
  /** what a quiet build said: told when it fails */
  readonly #unsaid = new LineTail({ maxCharacters: MOST_CHARACTERS });

  constructor(emit: Emit, { isQuiet }: { readonly isQuiet: boolean }) {
    this.#emit = emit;
    this.#isQuiet = isQuiet;
  }

  tell(event: BuildEvent): void {
    switch (event.type) {
      case 'planned':
        this.#plan = event.vertices.flatMap(({ id, step }) => (step ? { id, number: step.number } : []));
        return;
      case 'warning':
        return this.#send([{ stream: `[Warning] ${event.message}${lineOf(event)}\n` }]);
      case 'image':
        return this.#finish(event);
      case 'started':
      case 'pull':
      case 'log':
      case 'done':
      case 'failed':
        this.#ofStep(event);
    }
  }

  #ofStep(event: StepEvent): void {
    const { vertex } = event;
    if (!vertex.step) {
      if (event.type === 'pull') this.#send([event.line]);
      return;
    }
    const output = this.#outputOf(vertex);
    const hasFailed = event.type === 'failed' && !event.isCancelled;
    const isShown = hasFailed || this.#isShown(vertex.id);
    const lines = output.linesOf(event, event.type === 'done' && this.#isFound(event));
    if (!isShown) return output.keep(lines);
    this.#send([...output.take(), ...lines]);
    if (hasFailed) this.#tellUnsaid();
    if (output.isOver) this.#sendWaiting();
  }

  /** What only changes the configuration takes no time and is not looked up: it is what the steps before it are. */
  #isFound({ vertex: { kind, step }, isCached }: Extract<BuildEvent, { readonly type: 'done' }>): boolean {
    const stage = step?.stage ?? '';
    if (kind === 'from') return false;
    if (kind !== 'metadata') this.#found.set(stage, isCached && this.#found.get(stage) !== false);
    return this.#found.get(stage) ?? false;
  }

  #outputOf(vertex: BuildVertex): StepOutput {
    const known = this.#steps.get(vertex.id);
    if (known) return known;
    if (!this.#plan.some(({ id }) => id === vertex.id)) this.#insert(vertex);
    const output = new StepOutput(vertex);
    this.#steps.set(vertex.id, output);
    return output;
  }

  /** A trigger of ONBUILD has the number of its FROM, and comes before what follows that. */
  #insert({ id, step }: BuildVertex): void {
    const number = step?.number ?? 0;
    const next = this.#plan.findIndex(planned => planned.number > number);
    this.#plan.splice(next < 0 ? this.#plan.length : next, 0, { id, number });
  }

  /** The first step that is not over is the one that is shown. */
  #isShown(id: number): boolean {
    return this.#plan.find(planned => !this.#steps.get(planned.id)?.isTold)?.id === id;
  }

  /** What waited for the step that is over now. */
  #sendWaiting(): void {
    for (const { id } of this.#plan) {
      const output = this.#steps.get(id);
      if (output?.isTold) continue;
      if (!output) return;
      this.#send(output.take());
      if (!output.isTold) return;
    }
  }

  #finish({ imageId, tags }: Extract<BuildEvent, { readonly type: 'image' }>): void {
    if (this.#isQuiet) return this.#emit({ stream: `${imageId}\n` });
    for (const { id } of this.#plan) this.#send(this.#steps.get(id)?.take() ?? []);
    this.#send([
      { aux: { ID: imageId } },
      { stream: `Successfully built ${shortId(imageId)}\n` },
      ...tags.map(tag => ({ stream: `Successfully tagged ${tag}\n` })),
    ]);
  }

  #send(lines: readonly object[]): void {
    if (!this.#isQuiet) return lines.forEach(line => this.#emit(line));
    this.#unsaid.push(lines);
  }

  #tellUnsaid(): void {
    for (const line of this.#unsaid.take()) this.#emit(line);
  }
}

function lineOf({ line }: Extract<BuildEvent, { readonly type: 'warning' }>): string {
  return line === undefined ? '' : ` (line ${line})`;
}

interface PlannedStep {
  readonly id: number;
  readonly number: number;
}

type StepEvent = Extract<BuildEvent, { readonly vertex: BuildVertex }>;

/** What one step said that was not shown yet. */
class StepOutput {
  readonly #vertex: BuildVertex;
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  readonly #waiting = new LineTail({ maxCharacters: MOST_CHARACTERS });
  #hasBegun = false;
  #isOver = false;

  constructor(vertex: BuildVertex) {
    this.#vertex = vertex;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** over, and all of it shown */
  get isTold(): boolean {
    return this.#isOver && this.#waiting.isEmpty;
  }

  /** `isFound`: what this step, and all before it in its stage, would do was found done. */
  linesOf(event: StepEvent, isFound: boolean): object[] {
    const head = this.#hasBegun ? [] : this.#head();
    this.#hasBegun = true;
    switch (event.type) {
      case 'started':
        return head;
      case 'pull':
        return [...head, event.line];
      case 'log': {
        const stream = this.#decoders[event.stream].write(event.data);
        return stream === '' ? head : [...head, { stream }];
      }
      case 'failed':
        this.#isOver = true;
        return head;
      case 'done':
        this.#isOver = true;
        return [
          ...head,
          ...(isFound ? [{ stream: ' ---> Using cache\n' }] : []),
          ...(event.stateId ? [{ stream: ` ---> ${shortId(event.stateId)}\n` }] : []),
        ];
    }
  }

  keep(lines: readonly object[]): void {
    this.#waiting.push(lines);
  }

  take(): readonly object[] {
    return this.#waiting.take();
  }

  /** In two lines, as Docker sends it. */
  #head(): object[] {
    const { step } = this.#vertex;
    return step ? [{ stream: `Step ${step.number}/${step.total} : ${step.text}` }, { stream: '\n' }] : [];
  }
}
