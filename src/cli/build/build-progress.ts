import { at, flagAt, type Json, listAt, numberAt, textAt } from '#client/json';
import { humanSize } from '../format/human.ts';
import { uncolouredLine } from './terminal-text.ts';

export type VertexState = 'waiting' | 'running' | 'cached' | 'done' | 'failed' | 'cancelled';

/** One step of a build, as far as it is known. */
export interface VertexProgress {
  readonly id: number;
  readonly name: string;
  readonly state: VertexState;
  /** milliseconds since 1970; 0 before it started */
  readonly startedAt: number;
  readonly endedAt: number;
  /** the last lines it wrote, the oldest first */
  readonly output: readonly string[];
  /** of a download: how far it is */
  readonly note: string;
}

const MOST_LINES = 6;
/** Longer lines are cut before they are looked at. */
const MOST_LETTERS = 4_000;

interface Vertex {
  id: number;
  name: string;
  state: VertexState;
  startedAt: number;
  endedAt: number;
  output: string[];
  rest: string;
  layers: Map<string, { current: number; total: number }>;
}

/** Follows the lines of `POST /quai/build`. Times are the engine's, so that a slow line does not make a step look slow. */
export class BuildProgress {
  readonly #vertices = new Map<number, Vertex>();
  readonly #warnings: string[] = [];
  #imageId = '';
  #tags: readonly string[] = [];

  get imageId(): string {
    return this.#imageId;
  }

  get tags(): readonly string[] {
    return this.#tags;
  }

  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** in the order of the Dockerfile */
  get vertices(): VertexProgress[] {
    return [...this.#vertices.values()]
      .toSorted((one, other) => one.id - other.id)
      .map(vertex => ({ ...vertex, note: noteOf(vertex) }));
  }

  take(line: Json): void {
    for (const planned of listAt(line, 'planned')) this.#vertex(planned);
    const started = at(line, 'started');
    if (started !== undefined) this.#begin(started, numberAt(line, 'at'));
    this.#end(line, 'done', flagAt(line, 'cached') ? 'cached' : 'done');
    this.#end(line, 'failed', flagAt(line, 'cancelled') ? 'cancelled' : 'failed');
    const writing = this.#known(line, 'log');
    if (writing) addOutput(writing, Buffer.from(textAt(line, 'data'), 'base64').toString());
    const pulling = this.#known(line, 'pull');
    if (pulling) addLayer(pulling, line);
    const warning = textAt(line, 'warning');
    if (warning !== '') this.#warnings.push(uncolouredLine(warning) + lineOf(numberAt(line, 'line')));
    const id = textAt(line, 'aux', 'ID');
    if (id === '') return;
    this.#imageId = id;
    this.#tags = listAt(line, 'tags').filter(tag => typeof tag === 'string');
  }

  /** The client has left: what was under way is not done any more. */
  cancel(when: number): void {
    for (const vertex of this.#vertices.values()) {
      if (vertex.state !== 'running') continue;
      vertex.state = 'cancelled';
      vertex.endedAt = Math.max(vertex.startedAt, when);
    }
  }

  #known(line: Json, key: string): Vertex | undefined {
    return at(line, key) === undefined ? undefined : this.#vertices.get(numberAt(line, key));
  }

  #vertex(told: Json): Vertex {
    const id = numberAt(told, 'id');
    const known = this.#vertices.get(id);
    if (known) return known;
    const vertex: Vertex = {
      id,
      name: uncolouredLine(textAt(told, 'name').replaceAll(/\s*\n\s*/g, ' ')),
      state: 'waiting',
      startedAt: 0,
      endedAt: 0,
      output: [],
      rest: '',
      layers: new Map(),
    };
    this.#vertices.set(id, vertex);
    return vertex;
  }

  #begin(told: Json, when: number): void {
    const vertex = this.#vertex(told);
    vertex.state = 'running';
    vertex.startedAt = when;
  }

  #end(line: Json, key: 'done' | 'failed', state: VertexState): void {
    const vertex = this.#known(line, key);
    if (!vertex) return;
    vertex.state = state;
    vertex.endedAt = numberAt(line, 'at');
  }
}

function lineOf(line: number): string {
  return line > 0 ? ` (line ${line})` : '';
}

function addOutput(vertex: Vertex, data: string): void {
  const lines = (vertex.rest + data).slice(-MOST_LETTERS * MOST_LINES).split('\n');
  vertex.rest = (lines.pop() ?? '').slice(-MOST_LETTERS);
  vertex.output = [...vertex.output, ...lines.map(uncolouredLine)].slice(-MOST_LINES);
}

function addLayer({ layers }: Vertex, line: Json): void {
  const id = textAt(line, 'id');
  const total = numberAt(line, 'progressDetail', 'total');
  if (id !== '' && total > 0) layers.set(id, { current: numberAt(line, 'progressDetail', 'current'), total });
}

function noteOf({ layers, state }: Vertex): string {
  if (layers.size === 0 || state !== 'running') return '';
  let [current, total] = [0, 0];
  for (const layer of layers.values()) {
    current += layer.current;
    total += layer.total;
  }
  return `${humanSize(current, 3)} of ${humanSize(total, 3)}`;
}
