/** A part of a blob; both ends belong to it. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

const RANGE = /^bytes=\s*(\d*)-(\d*)\s*$/i;
const MAX_DIGITS = 15;

/**
 * Reads a `Range` header (RFC 9110, section 14).
 *
 * @returns `undefined` for all of it: no header, another unit, several ranges; `unsatisfiable` for a part that is not there.
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = header === undefined ? undefined : RANGE.exec(header);
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  if (first.length > MAX_DIGITS || last.length > MAX_DIGITS) return 'unsatisfiable';
  if (first === '') return suffix(Number(last), sizeBytes);
  const range = {
    first: Number(first),
    last: last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1),
  };
  if (last !== '' && Number(last) < range.first) return undefined; // invalid, and so to be ignored
  return range.first >= sizeBytes ? 'unsatisfiable' : range;
}

function suffix(count: number, sizeBytes: number): ByteRange | 'unsatisfiable' {
  if (count === 0 || sizeBytes === 0) return 'unsatisfiable';
  return { first: Math.max(0, sizeBytes - count), last: sizeBytes - 1 };
}

/** Where a part of an upload belongs: `Content-Range` of the distribution specification, which has no unit. */
export function parseContentRange(header: string): ByteRange | undefined {
  const [, first = '', last = ''] =
    /^(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:\/(?:\d+|\*))?$/.exec(header) ?? [];
  if (first === '' || Number(last) < Number(first)) return undefined;
  return { first: Number(first), last: Number(last) };
}

/** Whether `If-None-Match` or `If-Range` names this entity tag. */
export function namesTag(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some(each => {
    const wanted = each.trim().replace(/^W\//, '');
    return wanted === '*' || wanted === tag;
  });
}
