import type { Row } from './rows.ts';
import type { Summary } from './statistics.ts';

/** What each engine took for one row, or why it could not. */
export interface RowResult {
  readonly row: Pick<Row, 'name' | 'unit' | 'isRate'>;
  readonly engines: Readonly<Record<string, Summary | { readonly error: string }>>;
}

/**
 * The results as a table: median (p90) per engine, then how many times better the first engine is than each other:
 * above 1 is faster, or smaller.
 */
export function table(results: readonly RowResult[], names: readonly string[]): string {
  const [first = '', ...others] = names;
  const head = ['', ...names, ...others.map(name => `${first} : ${name}`)];
  const body = results.map(({ row, engines }) => [
    row.name,
    ...names.map(name => figure(row.unit, engines[name])),
    ...others.map(name => ratio(row.isRate, engines[first], engines[name])),
  ]);
  return align([head, ...body]);
}

type Cell = RowResult['engines'][string] | undefined;

function figure(unit: string, cell: Cell): string {
  if (!cell) return '-';
  if ('error' in cell) return 'failed';
  return `${round(cell.median)} ${unit} (${round(cell.p90)})`;
}

function ratio(isRate: boolean, ours: Cell, theirs: Cell): string {
  if (!ours || !theirs || 'error' in ours || 'error' in theirs) return '-';
  const times = isRate ? ours.median / theirs.median : theirs.median / ours.median;
  return `${times.toFixed(1)} x`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows
    .map(row =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column > 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function pad(cell: string, width: number, isRight: boolean): string {
  return isRight ? cell.padStart(width) : cell.padEnd(width);
}
