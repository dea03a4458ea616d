import { TemplateError } from './template-lexer.ts';
import { entriesOf, isTrue, Missing, printed, sizeOf } from './template-values.ts';

export type TemplateFunctions = Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;

/** Go's own functions and those that Docker adds. */
export const basicFunctions: TemplateFunctions = {
  and: (...args) => args.find(arg => !isTrue(arg)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: value => !isTrue(value),
  eq: (first, ...others) => others.some(other => isSame(first, other)),
  ne: (a, b) => !isSame(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  len: lengthOf,
  index: (value, ...keys) => keys.reduce(itemOf, value),
  slice: (value, from = 0, to) => sliced(value, Number(from), to),
  print: (...args) => spaced(args),
  println: (...args) => `${args.map(printed).join(' ')}\n`,
  printf: (format, ...args) => formatted(text(format), args),
  json: value => jsonText(value),
  split: (value, separator) => text(value).split(text(separator)),
  join: (list, separator) => joined(list, text(separator)),
  lower: value => text(value).toLowerCase(),
  upper: value => text(value).toUpperCase(),
  title: value =>
    text(value).replace(
      /(^|[^\p{L}\p{N}_'])(\p{Ll})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  pad: (value, before, after) =>
    text(value) ? ' '.repeat(Number(before)) + text(value) + ' '.repeat(Number(after)) : '',
  truncate: (value, length) => Array.from(text(value)).slice(0, Number(length)).join(''),
};

/** How many arguments each of them takes: exactly as many, or at least as many where there may be more. */
const ARGUMENT_COUNTS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  and: [1, Number.POSITIVE_INFINITY],
  or: [1, Number.POSITIVE_INFINITY],
  not: [1, 1],
  eq: [1, Number.POSITIVE_INFINITY],
  ne: [2, 2],
  lt: [2, 2],
  le: [2, 2],
  gt: [2, 2],
  ge: [2, 2],
  len: [1, 1],
  index: [1, Number.POSITIVE_INFINITY],
  slice: [1, Number.POSITIVE_INFINITY],
  printf: [1, Number.POSITIVE_INFINITY],
  json: [1, 1],
  split: [2, 2],
  join: [2, 2],
  lower: [1, 1],
  upper: [1, 1],
  title: [1, 1],
  pad: [3, 3],
  truncate: [2, 2],
};

/** @throws {TemplateError} in Go's words, when a function is called with too few or too many arguments. */
export function checkArgumentCount(name: string, got: number): void {
  const [least, most] = ARGUMENT_COUNTS[name] ?? [0, Number.POSITIVE_INFINITY];
  if (got >= least && got <= most) return;
  const wanted = most === least ? String(least) : `at least ${least}`;
  const hint = name === 'json' && got === 0 ? '; everything is {{json .}}' : '';
  throw new TemplateError(`wrong number of args for ${name}: want ${wanted} got ${got}${hint}`);
}

/** The same names for a table's header line, where words stay as they are. */
export const headerFunctions: TemplateFunctions = {
  ...basicFunctions,
  json: value => value,
  split: value => value,
  join: value => value,
  title: value => value,
  lower: value => value,
  upper: value => value,
  truncate: value => value,
};

/** Compact JSON; numbers too large for JavaScript keep their digits. */
export function jsonText(value: unknown): string {
  if (value instanceof Missing) return 'null';
  return (
    JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? rawJson(String(item)) : item)) ??
    'null'
  );
}

/** `JSON.rawJSON` (ES2026): Node has it, TypeScript's library does not yet. */
function rawJson(digits: string): unknown {
  const make: unknown = Reflect.get(JSON, 'rawJSON');
  return typeof make === 'function' ? make(digits) : Number(digits);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : printed(value);
}

function isSame(a: unknown, b: unknown): boolean {
  const [x, y] = [a instanceof Missing ? null : a, b instanceof Missing ? null : b];
  if ((typeof x === 'string') !== (typeof y === 'string') && x !== null && y !== null) {
    throw new TemplateError('incompatible types for comparison');
  }
  return x === y;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : Number(a > b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  throw new TemplateError('incompatible types for comparison');
}

function lengthOf(value: unknown): number {
  const size = value === null || value instanceof Missing ? 0 : sizeOf(value);
  if (size === undefined) throw new TemplateError(`len of type ${typeof value}`);
  return size;
}

function itemOf(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined || value instanceof Missing) {
    if (typeof key === 'number') throw new TemplateError(`error calling index: index out of range: ${key}`);
    return '';
  }
  if (Array.isArray(value)) {
    if (typeof key !== 'number')
      throw new TemplateError('error calling index: cannot index a list with a string');
    if (key < 0 || key >= value.length)
      throw new TemplateError(`error calling index: index out of range: ${key}`);
    return value[key];
  }
  if (typeof value !== 'object')
    throw new TemplateError(`error calling index: can't index item of type ${typeof value}`);
  const name = String(key);
  // A missing key is the zero value; what its type is, JSON does not say. Most maps hold text.
  return Object.hasOwn(value, name) ? Reflect.get(value, name) : '';
}

function sliced(value: unknown, from: number, to: unknown): unknown {
  const end = to === undefined ? undefined : Number(to);
  if (typeof value === 'string') return value.slice(from, end);
  if (Array.isArray(value)) return value.slice(from, end);
  throw new TemplateError("error calling slice: can't slice that");
}

function joined(list: unknown, separator: string): string {
  if (list !== null && typeof list !== 'object') throw new TemplateError('join needs a list');
  return entriesOf(list)
    .map(([, item]) => printed(item))
    .join(separator);
}

/** Go's `Sprint`: a space between two operands that are both no strings. */
function spaced(args: readonly unknown[]): string {
  return args.reduce<string>((sum, arg, index) => {
    const needsSpace = index > 0 && typeof arg !== 'string' && typeof args[index - 1] !== 'string';
    return sum + (needsSpace ? ' ' : '') + printed(arg);
  }, '');
}

function formatted(format: string, args: readonly unknown[]): string {
  let next = 0;
  const result = format.replace(
    /%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g,
    (whole, flags: string, width, precision, verb: string) => {
      if (verb === '%') return '%';
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const body = verbText(verb, args[next++], precision === undefined ? undefined : Number(precision));
      if (body === undefined) return whole;
      const length = Number(width ?? 0);
      if (flags.includes('-')) return body.padEnd(length);
      return flags.includes('0') ? body.padStart(length, '0') : body.padStart(length);
    },
  );
  return result;
}

function verbText(verb: string, value: unknown, precision: number | undefined): string | undefined {
  switch (verb) {
    case 's':
    case 'v':
      return precision === undefined ? printed(value) : printed(value).slice(0, precision);
    case 'd':
    case 't':
      return printed(value);
    case 'q':
      return JSON.stringify(printed(value));
    case 'f':
      return Number(value).toFixed(precision ?? 6);
    case 'g':
      return precision === undefined ? String(value) : String(Number(Number(value).toPrecision(precision)));
    case 'x':
      return typeof value === 'number' ? value.toString(16) : Buffer.from(printed(value)).toString('hex');
    default:
      return undefined;
  }
}
