import { isIP } from 'node:net';
import { CliError } from '../cli-error.ts';
import type { CreateOptions } from './create-flags.ts';

export interface Binding {
  readonly HostIp: string;
  readonly HostPort: string;
}

export interface PortOptions {
  /** `port/proto` keys */
  readonly exposed: Readonly<Record<string, object>>;
  readonly bindings: Readonly<Record<string, Binding[]>>;
}

/** after Docker's words */
const EXAMPLE = ': ports are numbers from 1 to 65535, as in -p 8080:80';

/** `--publish` and `--expose` together: what is published is exposed too. */
export function readPorts({ publish, expose }: Pick<CreateOptions, 'publish' | 'expose'>): PortOptions {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, Binding[]> = {};
  for (const text of publish) {
    for (const { port, binding } of parsePublish(text.includes('=') ? fromLongForm(text) : text)) {
      exposed[port] = {};
      (bindings[port] ??= []).push(binding);
    }
  }
  for (const text of expose) {
    if (text.includes(':')) throw failure(`invalid port format for --expose: ${text}`);
    const [range, proto] = splitProto(text);
    const span = parseRange(range);
    if (!span) throw failure(`invalid range format for --expose: ${text}`);
    checkProto(proto);
    for (let port = span.first; port <= span.last; port++) exposed[`${port}/${proto}`] = {};
  }
  return { exposed, bindings };
}

/**
 * `80`, `8080:80`, `127.0.0.1::80`, `[::1]:80:80/udp`, `8000-8010:80`, `8000-8010:9000-9010`.
 * A range onto a single port lets the engine choose one of the range.
 */
function parsePublish(text: string): { port: string; binding: Binding }[] {
  const parts = text.split(':');
  const [inside, proto] = splitProto(parts.pop() ?? '');
  const hostPort = parts.pop() ?? '';
  const ip = hostAddress(parts.join(':'));
  if (!inside) throw failure(`no port specified: ${text}<empty>`);
  const span = parseRange(inside);
  if (!span) throw failure(`invalid containerPort: ${inside}${EXAMPLE}`);
  const hostSpan = hostPort ? parseRange(hostPort) : undefined;
  if (hostPort && !hostSpan) throw failure(`invalid hostPort: ${hostPort}${EXAMPLE}`);
  const width = span.last - span.first;
  if (hostSpan && hostSpan.last - hostSpan.first !== width && width > 0) {
    throw failure(`invalid ranges specified for container and host Ports: ${inside} and ${hostPort}`);
  }
  checkProto(proto);
  return Array.from({ length: width + 1 }, (_, index) => {
    const single = hostSpan ? String(hostSpan.first + index) : '';
    const isChoice = hostSpan && width === 0 && hostSpan.last > hostSpan.first;
    const HostPort = isChoice ? `${hostSpan.first}-${hostSpan.last}` : single;
    return { port: `${span.first + index}/${proto}`, binding: { HostIp: ip, HostPort } };
  });
}

/** `published=8080,target=80,protocol=udp` */
function fromLongForm(text: string): string {
  const fields = new Map([['protocol', 'tcp']]);
  for (const part of text.split(',')) {
    const [name = '', ...value] = part.split('=');
    if (!name || value.length === 0) {
      throw failure(`invalid publish opts format (should be name=value but got '${part}')`);
    }
    fields.set(name, value.join('='));
  }
  return `${fields.get('published') ?? ''}:${fields.get('target') ?? ''}/${fields.get('protocol')}`;
}

function hostAddress(text: string): string {
  const ip = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (ip && isIP(ip) === 0) throw failure(`invalid IP address: ${text}`);
  return ip;
}

function splitProto(text: string): [range: string, proto: string] {
  const [range = '', proto] = text.split('/');
  return [range, (proto || 'tcp').toLowerCase()];
}

function checkProto(proto: string): void {
  if (!['tcp', 'udp', 'sctp'].includes(proto)) throw failure(`invalid proto: ${proto}`);
}

/** `80` or `80-90`; `undefined` for anything else, and for what is beyond 65535. */
export function parseRange(text: string): { first: number; last: number } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= 65_535 ? { first, last } : undefined;
}

function failure(message: string): CliError {
  return new CliError(message, 125);
}
