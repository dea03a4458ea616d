/** 2^32 − 1 means "unchanged" to chown(2). */
const MAX_ID = 2 ** 32 - 2;

/** A user or group number; names are those of some image, not the host's. */
export function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

const UNITS = 'bkmgtp';

/** Bytes as Docker takes them: `1024`, `10M`, `1.5g`, `2GiB`; units are powers of 1024. */
export function parseBytes(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,15}(?:\.\d{1,15})?) ?(?:([kmgtp])i?b?|b)?$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  const bytes = Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit?.toLowerCase() ?? 'b'));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Permission bits as chmod(1) takes them: `0750`, `2770`. */
export function parseOctal(text: string): number | undefined {
  return /^0?[0-7]{3,4}$/.test(text) && Number.parseInt(text, 8) <= 0o7777
    ? Number.parseInt(text, 8)
    : undefined;
}
