import { type Json, numberAt, textAt } from '#client/json';

interface Port {
  readonly ip: string;
  readonly inside: number;
  readonly outside: number;
  readonly type: string;
}

/**
 * Ports as `ps` shows them: `0.0.0.0:8080->80/tcp, 443/tcp`, with neighbours as one range.
 * Mappings onto the same number are grouped by address, others stand alone, as in Docker's `DisplayablePorts`.
 */
export function portText(list: readonly Json[]): string {
  const ports = list.map(readPort).sort(comparePorts);
  const groups = new Map<string, { first: Port; last: number }>();
  const done: string[] = [];
  const mapped: string[] = [];
  for (const port of ports) {
    if (port.ip && port.outside !== port.inside) {
      mapped.push(`${hostAndPort(port.ip, String(port.outside))}->${port.inside}/${port.type}`);
      continue;
    }
    const key = `${port.ip}/${port.type}`;
    const group = groups.get(key);
    if (group && port.inside === group.last + 1) {
      group.last = port.inside;
      continue;
    }
    if (group) done.push(groupText(group));
    if (group) Object.assign(group, { first: port, last: port.inside });
    else groups.set(key, { first: port, last: port.inside });
  }
  return [...done, ...[...groups.values()].map(groupText), ...mapped].join(', ');
}

function readPort(json: Json): Port {
  return {
    ip: textAt(json, 'IP'),
    inside: numberAt(json, 'PrivatePort'),
    outside: numberAt(json, 'PublicPort'),
    type: textAt(json, 'Type'),
  };
}

function groupText({ first, last }: { first: Port; last: number }): string {
  const range = first.inside === last ? String(last) : `${first.inside}-${last}`;
  return `${first.ip ? `${hostAndPort(first.ip, range)}->` : ''}${range}/${first.type}`;
}

/** IPv6 addresses stand in brackets. */
export function hostAndPort(ip: string, port: string): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function comparePorts(a: Port, b: Port): number {
  return (
    a.inside - b.inside ||
    (a.ip === b.ip ? 0 : a.ip < b.ip ? -1 : 1) ||
    a.outside - b.outside ||
    (a.type < b.type ? -1 : Number(a.type > b.type))
  );
}
