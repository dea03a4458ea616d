import { plainLine } from '#base/plain-text';
import type { Row } from './row.ts';
import { alignTable } from './table.ts';

export interface Listing {
  /** Header of each field, by name. A field without one has its name, upper case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The columns of the table that is shown when no format is given. */
  readonly columns: readonly string[];
  /** The field that `--quiet` shows alone. */
  readonly quietField: string;
}

/**
 * A list in the format asked for: the table, `json` (one object a line), `table TEMPLATE`, or `TEMPLATE` once per row.
 *
 * @throws {TemplateError} for a template that cannot be read, or asks for an unknown field.
 */
export async function renderRows(
  rows: readonly Row[],
  { headers, columns, quietField }: Listing,
  { format, quiet }: { readonly format: string; readonly quiet: boolean },
): Promise<string> {
  if (format === '' || format === 'table') {
    if (quiet) return rows.map(row => `${cell(row, quietField)}\n`).join('');
    return alignTable([
      columns.map(name => headers[name] ?? name),
      ...rows.map(row => columns.map(name => cell(row, name))),
    ]);
  }
  // The template engine is loaded for those who use it.
  const { renderTemplateRows } = await import('./template-rows.ts');
  return renderTemplateRows(rows, headers, format);
}

function cell(row: Row, name: string): string {
  const value = row[name];
  // Names and labels come from images: nothing in them moves the cursor, starts a column or a line.
  return typeof value === 'string' ? plainLine(value) : '';
}
