import { plainLine } from '#base/plain-text';
import { localRfc3339Nano } from './human.ts';

/** `2026-01-02T15:04:05.123456789+01:00 container start 0123… (image=busybox, name=web)`, as Docker prints events. */
export function eventLine(event: unknown): string {
  const { Type, Action, Actor, timeNano, time } = fields(event);
  const { ID, Attributes } = fields(Actor);
  const pairs = Object.entries(fields(Attributes))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${String(value)}`);
  const details = pairs.length > 0 ? ` (${pairs.join(', ')})` : '';
  return plainLine(`${moment(timeNano, time)}${String(Type)} ${String(Action)} ${String(ID)}${details}`);
}

function moment(timeNano: unknown, time: unknown): string {
  if (typeof timeNano === 'bigint' || (typeof timeNano === 'number' && timeNano > 0)) {
    const nanos = BigInt(timeNano);
    return `${localRfc3339Nano(Number(nanos / 1_000_000n), Number(nanos % 1_000_000n))} `;
  }
  return typeof time === 'number' && time > 0 ? `${localRfc3339Nano(time * 1000)} ` : '';
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
