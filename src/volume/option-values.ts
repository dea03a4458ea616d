/** 2^32 − 1 means "unchanged" to chown(2). */
const MAX_ID = 2 ** 32 - 2;

/** A user or group number; names are those of some image, not the host's. */
export function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

/** Permission bits as chmod(1) takes them: `0750`, `2770`. */
export function parseOctal(text: string): number | undefined {
  return /^0?[0-7]{3,4}$/.test(text) && Number.parseInt(text, 8) <= 0o7777
    ? Number.parseInt(text, 8)
    : undefined;
}
