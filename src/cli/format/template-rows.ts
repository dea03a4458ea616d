import { compileTemplate, TemplateError, UnknownNameError } from './go-template.ts';
import type { Row } from './row.ts';
import { alignTable } from './table.ts';
import { headerFunctions, jsonText } from './template-functions.ts';

/** Rows through `json`, `table TEMPLATE` or `TEMPLATE`. `\t` and `\n` written out stand for tab and line end. */
export function renderTemplateRows(
  rows: readonly Row[],
  headers: Readonly<Record<string, string>>,
  format: string,
): string {
  if (format === 'json') return rows.map(row => `${jsonText(sorted(row))}\n`).join('');
  const isTable = format.startsWith('table');
  const source = (isTable ? format.slice('table'.length) : format)
    .trim()
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  const template = compileTemplate(source);
  const header = headerLine(source, headers); // made in any case: an unknown field is an error with no rows too
  const lines = rows.map(row => template.render(sorted(row)));
  if (!isTable) return lines.map(line => `${line}\n`).join('');
  return alignTable([header, ...lines].flatMap(line => line.split('\n')).map(line => line.split('\t')));
}

function headerLine(source: string, headers: Readonly<Record<string, string>>): string {
  try {
    return compileTemplate(source, { functions: headerFunctions }).render({ ...headers, Label: labelHeader });
  } catch (error) {
    if (error instanceof TemplateError && !(error instanceof UnknownNameError)) return '';
    throw error;
  }
}

/** `.Label "com.example.my-tier"` is headed `my tier`. */
function labelHeader(name: unknown): string {
  return String(name).split('.').at(-1)?.replace(/[-_]/g, ' ') ?? '';
}

function sorted(row: Row): Row {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}
