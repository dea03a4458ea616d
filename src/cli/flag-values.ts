import { parseByteSize } from '#base/byte-size';
import { goDurationNanos } from '#spec/docker/go-duration';
import type { FlagType } from './command.ts';

/** Reads one flag value. @throws {RangeError} with the reason, when the text is not of the type. */
export function readFlagValue(type: FlagType, text: string): boolean | string | number {
  switch (type) {
    case 'bool':
      return readBool(text);
    case 'int':
      return readInt(text);
    case 'bytes':
      return readBytes(text);
    case 'swap':
      return text === '-1' ? -1 : readBytes(text);
    case 'duration':
      return readDuration(text);
    case 'decimal':
      return readCpus(text);
    case 'string':
    case 'list':
    case 'strings':
      return text;
  }
}

/** As Go's `strconv.ParseBool`. */
export function readBool(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new RangeError(`parsing "${text}": must be true or false`);
}

export function readInt(text: string): number {
  const match = /^([+-]?)(\d+|0x[0-9a-f]+|0o[0-7]+|0b[01]+)$/i.exec(text);
  if (!match) throw new RangeError(`parsing "${text}": must be a whole number`);
  const value = Number(match[2]) * (match[1] === '-' ? -1 : 1);
  if (!Number.isSafeInteger(value)) throw new RangeError(`parsing "${text}": value out of range`);
  return value;
}

/** Sizes as Docker's `RAMInBytes`: `512`, `1.5g`, `64KiB`, `1 GB`; units are powers of 1024. */
export function readBytes(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw new RangeError(`invalid size: '${text}': sizes look like 512m or 2g`);
  return bytes;
}

/** Go durations, such as `1h30m` or `1.5s`, in nanoseconds. */
export function readDuration(text: string): number {
  const nanos = goDurationNanos(text);
  if (nanos !== undefined) return nanos;
  const hint = /^[+-]?\d+$/.test(text) ? ': missing unit (one of ns, us, ms, s, m, h)' : '';
  throw new RangeError(`invalid duration "${text}"${hint}`);
}

/** `--cpus`: up to nine digits after the point, or a fraction such as `1/2`, in billionths of a CPU. */
export function readCpus(text: string): number {
  const [, above, below] = /^(\d+)\/([1-9]\d*)$/.exec(text) ?? [];
  if (above && below) {
    const nanos = (Number(above) * 1e9) / Number(below);
    if (!Number.isInteger(nanos)) throw new RangeError('value is too precise');
    return nanos;
  }
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(text);
  const [, sign, whole = '', fraction = ''] = match ?? [];
  if (!match || (whole === '' && fraction === ''))
    throw new RangeError(`failed to parse ${text} as a rational number`);
  if (fraction.replace(/0+$/, '').length > 9) throw new RangeError('value is too precise');
  const nanos = Number(whole) * 1e9 + Number(fraction.slice(0, 9).padEnd(9, '0'));
  return sign === '-' ? -nanos : nanos;
}
