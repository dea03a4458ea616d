import { EngineError } from '#base/errors';

/** A `--link`, the way containers found each other before networks had names. */
export interface ContainerLink {
  /** name or ID of the container linked to */
  readonly target: string;
  readonly alias: string;
}

/** What a linked container offers. */
export interface LinkedContainer {
  readonly alias: string;
  /** name of the container that has the link */
  readonly parentName: string;
  readonly address: string;
  /** exposed ports, `port/proto` */
  readonly ports: readonly string[];
  readonly env: readonly string[];
}

interface LinkPort {
  readonly number: number;
  readonly protocol: string;
}

/** `name`, `name:alias`, or `/name:/parent/alias` as inspect shows it. @throws {EngineError} `invalid`. */
export function parseLink(text: string): ContainerLink {
  const [target = '', alias = target, ...rest] = text.split(':');
  const name = target.replace(/^\//, '');
  const short = alias.split('/').at(-1) ?? '';
  if (name === '' || short === '' || rest.length > 0 || /\s/.test(text)) {
    throw new EngineError('invalid', `bad format for links: ${text}`);
  }
  return { target: name, alias: short };
}

/** The variables a linked container brings: `DB_PORT_5432_TCP_ADDR=172.17.0.2` (moby: daemon/links/links.go). */
export function linkEnvironment({ alias, parentName, address, ports, env }: LinkedContainer): string[] {
  const prefix = alias.toUpperCase().replaceAll('-', '_');
  const sorted = ports
    .flatMap(parsePort)
    .toSorted((a, b) => a.number - b.number || (a.protocol === 'tcp' ? -1 : 1));
  const [first] = sorted;
  return [
    ...(first ? [`${prefix}_PORT=${first.protocol}://${address}:${first.number}`] : []),
    ...rangesOf(sorted).flatMap(range => rangeVariables(prefix, address, range)),
    ...sorted.flatMap(port => portVariables(prefix, address, port)),
    `${prefix}_NAME=/${parentName}/${alias}`,
    ...env.flatMap(entry => environmentOf(prefix, entry)),
  ];
}

function portVariables(prefix: string, address: string, { number, protocol }: LinkPort): string[] {
  const name = `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;
  return [
    `${name}=${protocol}://${address}:${number}`,
    `${name}_ADDR=${address}`,
    `${name}_PORT=${number}`,
    `${name}_PROTO=${protocol}`,
  ];
}

function rangeVariables(
  prefix: string,
  address: string,
  range: { first: LinkPort; last: LinkPort },
): string[] {
  const { first, last } = range;
  const name = `${prefix}_PORT_${first.number}_${first.protocol.toUpperCase()}`;
  return [
    `${name}_START=${first.protocol}://${address}:${first.number}`,
    `${name}_PORT_START=${first.number}`,
    `${name}_END=${last.protocol}://${address}:${last.number}`,
    `${name}_PORT_END=${last.number}`,
  ];
}

/** Runs of at least two ports in a row with one protocol. */
function rangesOf(sorted: readonly LinkPort[]): { first: LinkPort; last: LinkPort }[] {
  const ranges: { first: LinkPort; last: LinkPort }[] = [];
  for (const protocol of new Set(sorted.map(port => port.protocol))) {
    let current: { first: LinkPort; last: LinkPort } | undefined;
    for (const port of sorted.filter(each => each.protocol === protocol)) {
      if (current && port.number === current.last.number + 1) current.last = port;
      else ranges.push((current = { first: port, last: port }));
    }
  }
  return ranges.filter(({ first, last }) => first !== last);
}

function environmentOf(prefix: string, entry: string): string[] {
  const [name = '', ...value] = entry.split('=');
  const isOwn = value.length === 0 || name === '' || name === 'HOME' || name === 'PATH';
  return isOwn ? [] : [`${prefix}_ENV_${name}=${value.join('=')}`];
}

function parsePort(text: string): LinkPort[] {
  const match = /^(\d+)(?:\/(\w+))?$/.exec(text);
  return match ? [{ number: Number(match[1]), protocol: match[2] ?? 'tcp' }] : [];
}
