const SIZE = /^(\d{1,15}(?:\.\d{0,15})?|\.\d{1,15}) ?(?:b|([kmgtp])(?:i?b)?)?$/i;
const UNITS = ' kmgtp';

/**
 * Bytes as people write them and Docker takes them (go-units): `512`, `1.5g`, `64KiB`, `1 GB`, rounded down.
 *
 * @param base what a unit is of the one before: 1024 for memory and disks, 1000 for logs, whatever the letter after it
 * @returns `undefined` for what is no size, or too large to count.
 */
export function parseByteSize(
  text: string,
  { base = 1024 }: { readonly base?: 1000 | 1024 } = {},
): number | undefined {
  const [, number, unit = ' '] = SIZE.exec(text) ?? [];
  if (number === undefined) return undefined;
  const bytes = Math.floor(Number(number) * base ** UNITS.indexOf(unit.toLowerCase()));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
