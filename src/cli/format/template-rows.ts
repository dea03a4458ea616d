import { compileTemplate, TemplateError, UnknownNameError } from './go-template.ts';
import type { Row } from './row.ts';
import { alignTable } from './table.ts';
import { basicFunctions, headerFunctions, jsonText } from './template-functions.ts';

/** Rows through `json`, `table TEMPLATE` or `TEMPLATE`. `\t` and `\n` written out stand for tab and line end. */
export function renderTemplateRows(
  rows: readonly Row[],
  headers: Readonly<Record<string, string>>,
  format: string,
): string {
  if (format === 'json') return rows.map(row => `${rowJson(sorted(row))}\n`).join('');
  const isTable = format.startsWith('table');
  const source = (isTable ? format.slice('table'.length) : format)
    .trim()
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  const template = compileTemplate(source, { functions: rowFunctions });
  const header = headerLine(source, headers); // made in any case: an unknown field is an error with no rows too
  const lines = rows.map(row => template.render(sorted(row)));
  if (!isTable) return lines.map(line => `${line}\n`).join('');
  return alignTable([header, ...lines].flatMap(line => line.split('\n')).map(line => line.split('\t')));
}

/** An object of rows through a template, or `json`. */
export function renderWhole(value: object, format: string): string {
  const template = format === 'json' ? '{{json .}}' : format;
  return compileTemplate(template, { functions: rowFunctions }).render(value);
}

/** Go writes whole rows by other rules than their fields. */
const rowFunctions = {
  ...basicFunctions,
  json: (value: unknown) => (typeof value === 'object' && value !== null ? rowJson(value) : jsonText(value)),
};

/** As Go's `json.Marshal`, which thinks of web pages: `<none>` is `\\u003cnone\\u003e`. */
function rowJson(value: object): string {
  return jsonText(value).replace(
    /[<>&\u2028\u2029]/g,
    letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
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
