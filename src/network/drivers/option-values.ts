import { EngineError } from '#base/errors';
import { isLinkName } from '../instance-names.ts';

/** IPv4 needs 68 (RFC 791), the kernel takes no more than this for bridges and veths. */
const MTU_RANGE = { min: 68, max: 65_535 };
const DEFAULT_PREFIX = 'eth';

export function parseFlag(name: string, value: string | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  // What Go's strconv.ParseBool takes.
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
  throw invalidOption(name, value, 'use true or false');
}

/** @returns undefined for none, and for 0: whatever is usual. */
export function parseMtu(value: string | undefined): number | undefined {
  if (value === undefined || value === '0') return undefined;
  const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (number >= MTU_RANGE.min && number <= MTU_RANGE.max) return number;
  throw invalidOption('com.docker.network.driver.mtu', value, `use ${MTU_RANGE.min} to ${MTU_RANGE.max}`);
}

/** Start of the interface's name inside the container. */
export function parseInterfacePrefix(value: string | undefined): string {
  const prefix = value ?? DEFAULT_PREFIX;
  if (isLinkName(`${prefix}99`)) return prefix;
  throw invalidOption('com.docker.network.container_iface_prefix', prefix, LINK_NAMES);
}

/** what {@link isLinkName} takes */
export const LINK_NAMES =
  'use letters, digits, "_", "." and "-", no more than an interface can be called (15)';

export function invalidOption(name: string, value: string, use: string): EngineError {
  return new EngineError(
    'invalid',
    `invalid value ${JSON.stringify(value)} for network option ${name}: ${use}`,
  );
}
