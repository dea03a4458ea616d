/** Leaves out what says nothing: `undefined`, `''`, `false`, `0`, and empty lists and objects. */
export function withoutEmpty<T extends object>(fields: T): Partial<T> {
  const kept = Object.entries(fields).filter(([, value]) => !isEmpty(value));
  // Only keys of T are left, with their values.
  return Object.fromEntries(kept) as Partial<T>;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return !value;
}
