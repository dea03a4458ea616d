export type Name = readonly [name: string, summary: string];

/** Names and what they are, in two columns. */
export function nameList(names: readonly Name[]): string[] {
  const width = Math.max(11, ...names.map(([name]) => name.length + 1));
  return names.map(([name, summary]) => `  ${name.padEnd(width)} ${summary}`);
}
