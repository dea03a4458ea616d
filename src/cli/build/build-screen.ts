import { ellipsis } from '../format/human.ts';
import type { VertexProgress } from './build-progress.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

export interface Shown {
  readonly vertices: readonly VertexProgress[];
  /** of the context that is sent, `''` when that is over or there is none */
  readonly sending: string;
  readonly startedAt: number;
  readonly now: number;
  /** how it ended */
  readonly outcome?: 'built' | 'failed' | 'cancelled';
}

export interface ScreenStyle {
  readonly isColoured: boolean;
}

const COLOURS = { dim: 2, bold: 1, red: 31, green: 32, cyan: 36 } as const;
type Colour = keyof typeof COLOURS;

const MARKS = {
  waiting: [' ', 'dim'],
  running: ['>', 'bold'],
  cached: ['=', 'cyan'],
  done: ['+', 'green'],
  failed: ['x', 'red'],
  cancelled: ['-', 'dim'],
} as const satisfies Record<VertexProgress['state'], readonly [string, Colour]>;

const NOTES: { readonly [state in VertexProgress['state']]?: string } = {
  cached: 'CACHED ',
  cancelled: 'CANCELED ',
};

/**
 * The lines that show a build on a terminal: how far it is, then each step with its time, those under way with the last lines of
 * what they say. With more steps than rows, those that are over go first.
 */
export function buildScreen(shown: Shown, size: ScreenSize, { isColoured }: ScreenStyle): string[] {
  const paint = (colour: Colour, text: string): string =>
    isColoured ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
  const width = Math.max(size.columns - 1, 20);
  const begun = shown.vertices.filter(({ state }) => state !== 'waiting');
  const parts = begun.map(vertex => {
    const [mark, colour] = MARKS[vertex.state];
    const name = `${NOTES[vertex.state] ?? ''}${vertex.name}`;
    const head = fitted(
      `${mark} ${name}${vertex.note && ` (${vertex.note})`}`,
      timeOf(vertex, shown.now),
      width,
    );
    const isTalking = vertex.state === 'running' || vertex.state === 'failed';
    const output = isTalking ? vertex.output.map(line => paint('dim', ellipsis(`    | ${line}`, width))) : [];
    return { isOver: !isTalking, lines: [paint(colour, head), ...output] };
  });
  const head = paint('bold', ellipsis(headOf(shown, begun), width));
  const sending =
    shown.sending === '' ? [] : [ellipsis(`> sending the build context: ${shown.sending}`, width)];
  const room =
    shown.outcome === undefined ? Math.max(size.rows - 2 - sending.length, 3) : Number.POSITIVE_INFINITY;
  const { lines, hidden } = fitting(parts, room);
  const more = hidden > 0 ? [paint('dim', `  … ${hidden} before`)] : [];
  return [head, ...sending, ...more, ...lines];
}

const VERBS = {
  building: 'Building',
  built: 'Built in',
  failed: 'Failed after',
  cancelled: 'Cancelled after',
} as const;

function headOf({ vertices, startedAt, now, outcome }: Shown, begun: readonly VertexProgress[]): string {
  const over = begun.filter(({ state }) => state !== 'running').length;
  const count = vertices.length > 0 ? ` (${over}/${vertices.length})` : '';
  return `${VERBS[outcome ?? 'building']} ${seconds(now - startedAt)}${count}`;
}

interface Part {
  readonly isOver: boolean;
  readonly lines: readonly string[];
}

/** Steps that are over are left out from the top, then the lines of output; the names of what is under way stay. */
function fitting(
  parts: readonly Part[],
  room: number,
): { readonly lines: string[]; readonly hidden: number } {
  let kept = [...parts];
  let height = kept.reduce((sum, { lines }) => sum + lines.length, 0);
  let hidden = 0;
  while (height > room) {
    const index = kept.findIndex(({ isOver }) => isOver);
    if (index < 0) break;
    height -= kept[index]?.lines.length ?? 0;
    if (hidden === 0) height += 1; // the line that says how many
    hidden += 1;
    kept = kept.toSpliced(index, 1);
  }
  if (height > room) kept = kept.map(({ isOver, lines }) => ({ isOver, lines: lines.slice(0, 1) }));
  return { lines: kept.flatMap(({ lines }) => lines).slice(-room), hidden };
}

function timeOf({ state, startedAt, endedAt }: VertexProgress, now: number): string {
  if (state === 'cached') return '';
  return seconds((state === 'running' ? now : endedAt) - startedAt);
}

function seconds(ms: number): string {
  return `${(Math.max(ms, 0) / 1000).toFixed(1)}s`;
}

/** Text on the left, the time at the right edge. */
function fitted(text: string, time: string, width: number): string {
  if (time === '') return ellipsis(text, width);
  const room = width - time.length - 1;
  return `${ellipsis(text, room).padEnd(room)} ${time}`;
}
