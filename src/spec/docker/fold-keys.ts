import * as v from 'valibot';
import { EngineError } from '#base/errors';

/**
 * A body as Go would read it: no body, or `null`, is an empty object, and the case of keys does not matter
 * (`encoding/json` prefers an exact match and takes any other). Keys of maps, such as labels, stay as they are.
 *
 * @throws {EngineError} `invalid` from its parse, for a list in the place of an object.
 */
export function goBody<const S extends v.GenericSchema>(schema: S) {
  return v.pipe(
    v.unknown(),
    v.transform((body): unknown => foldKeys(body ?? {}, schema)),
    schema,
  );
}

/** The parts of valibot's schemas that lead to further schemas. */
interface Node {
  readonly type: string;
  readonly entries?: Readonly<Record<string, Node>>;
  readonly item?: Node;
  readonly value?: Node;
  readonly wrapped?: Node;
  readonly options?: readonly unknown[];
  readonly pipe?: readonly Node[];
}

/** Deeper than any schema goes. */
const MAX_DEPTH = 16;

/** Gives the keys of objects the case that `schema` has them in. What does not fit the schema is left for it to refuse. */
export function foldKeys(value: unknown, schema: v.GenericSchema): unknown {
  return fold(value, schema as unknown as Node, 0); // the same object, seen as a tree
}

function fold(value: unknown, node: Node, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  const [first] = node.pipe ?? [];
  if (first && first !== node) return fold(value, first, depth + 1);
  if (node.wrapped) return fold(value, node.wrapped, depth + 1);
  if (Array.isArray(value)) {
    const { item } = node;
    if (item) return value.map((each: unknown) => fold(each, item, depth + 1));
    // A list is an object to JavaScript, and so to the schemas.
    if (node.entries || node.type === 'record')
      throw new EngineError('invalid', 'invalid JSON: a list where an object belongs');
    return value;
  }
  if (node.entries) return foldObject(value, node.entries, depth);
  const inMap = node.type === 'record' ? node.value : undefined;
  if (!inMap) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fold(each, inMap, depth + 1)]));
}

function foldObject(value: object, entries: Readonly<Record<string, Node>>, depth: number): object {
  const folded: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const name = Object.hasOwn(entries, key) ? key : otherCase(key, value, entries);
    const node = name === undefined ? undefined : entries[name];
    if (name !== undefined && node) folded[name] = fold(field, node, depth + 1);
  }
  return folded;
}

/** The field that `key` means, unless it is given under its own name as well. */
function otherCase(key: string, value: object, entries: Readonly<Record<string, Node>>): string | undefined {
  const lower = key.toLowerCase();
  const name = Object.keys(entries).find(known => known.toLowerCase() === lower);
  return name === undefined || Object.hasOwn(value, name) ? undefined : name;
}
