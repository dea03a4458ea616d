import { randomInt } from 'node:crypto';
import { closeSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { EngineError } from '#base/errors';
import { reservePort } from '#sys/inet-socket';
import { isErrno, SysError } from '#sys/sys-error';
import { formatIp, ipBytes, parseIp } from './ip-address.ts';
import type { PortRequest, PublishedPort } from './network.ts';

/** A socket that keeps a host port ours. It covers one published port, or the IPv4 and IPv6 wildcards together. */
export interface Reservation {
  readonly owner: string;
  readonly ports: readonly PublishedPort[];
  /** -1 where the kernel cannot reserve (SCTP), or when the port was lost to somebody while we were away */
  readonly fd: number;
}

/** Thrown inside this folder: turned into words, which takes asking around, by `port-conflict.ts`. */
export class PortConflict extends Error {
  override readonly name = 'PortConflict';
  readonly port: PublishedPort;
  /** name of the errno, such as `EADDRINUSE` or `EADDRNOTAVAIL` */
  readonly code: string;
  /** the container of ours that has it; undefined for some program of the host */
  readonly holder: string | undefined;
  /** where a range was asked for: what became of each of its ports, this one first */
  readonly range: readonly PortConflict[];

  constructor(port: PublishedPort, code: string, holder?: string, range: readonly PortConflict[] = []) {
    super(`cannot take port ${port.hostPort}/${port.protocol} of ${port.hostIp}: ${code}`);
    this.port = port;
    this.code = code;
    this.holder = holder;
    this.range = range;
  }
}

export interface PortBookDeps {
  /** whether the host has IPv6 at all */
  readonly hasIpv6: () => boolean;
  /** first and last ephemeral port (`net.ipv4.ip_local_port_range`) */
  readonly ephemeralRange: () => readonly [number, number];
  /**
   * The ephemeral port to begin with; any of the range unless given. An engine that is away holds no port, and its rules stay:
   * were they all to begin with the same one, another engine would take just that.
   */
  readonly beginWith?: (first: number, last: number) => number;
  /** opens the socket; see {@link reservePort} */
  readonly reserve?: typeof reservePort;
}

export interface TakeOptions {
  /** for requests that name no address; empty means all of them, IPv4 and IPv6 */
  readonly defaultHostIp?: string;
  /** addresses of other families are passed over */
  readonly families?: readonly (4 | 6)[];
}

const WILDCARD4 = '0.0.0.0';
const WILDCARD6 = '::';

/** Which host ports are ours, and the sockets that keep them so. */
export class PortBook {
  readonly #deps: PortBookDeps;
  readonly #reserve: typeof reservePort;
  /** `protocol/port` → who has it */
  readonly #taken = new Map<string, Reservation[]>();
  #nextEphemeral: number | undefined;

  constructor(deps: PortBookDeps) {
    this.#deps = deps;
    this.#reserve = deps.reserve ?? reservePort;
  }

  /**
   * Takes all the ports, or none.
   *
   * @throws {PortConflict} for the first that cannot be had, or all of a range; `invalid` for what is no address.
   */
  take(owner: string, requests: readonly PortRequest[], options: TakeOptions = {}): Reservation[] {
    const reservations: Reservation[] = [];
    try {
      for (const request of requests) {
        const hostIps = this.#hostIps(request, options);
        if (hostIps.length > 0) reservations.push(this.#takeOne(owner, request, hostIps));
      }
      return reservations;
    } catch (error) {
      this.release(reservations);
      throw error;
    }
  }

  /** Takes the ports of an endpoint again, after the engine was away. Ports that others have now stay without a socket. */
  retake(
    owner: string,
    ports: readonly PublishedPort[],
  ): { reservations: Reservation[]; lost: PublishedPort[] } {
    const reservations: Reservation[] = [];
    const lost: PublishedPort[] = [];
    for (const group of pairWildcards(ports)) {
      let fd = -1;
      try {
        fd = this.#open(group);
      } catch (error) {
        if (!(error instanceof PortConflict)) throw error;
        lost.push(...group);
      }
      const reservation = { owner, ports: group, fd };
      this.#note(reservation);
      reservations.push(reservation);
    }
    return { reservations, lost };
  }

  /** Whether a reservation is what a request asks for. */
  fits({ ports }: Reservation, request: PortRequest, options: TakeOptions): boolean {
    const [first] = ports;
    if (!first) return false;
    const { hostPortFirst, hostPortLast } = request;
    const isInRange =
      hostPortFirst === 0 || (first.hostPort >= hostPortFirst && first.hostPort <= hostPortLast);
    return (
      isInRange &&
      first.protocol === request.protocol &&
      first.containerPort === request.containerPort &&
      this.#hostIps(request, options).join() === ports.map(port => port.hostIp).join()
    );
  }

  /** Lets ports go. The caller closes descriptors that something else has adopted; the others are closed here. */
  release(reservations: readonly Reservation[], { isAdopted = false } = {}): void {
    for (const reservation of reservations) {
      for (const port of reservation.ports) {
        const key = keyOf(port);
        const rest = (this.#taken.get(key) ?? []).filter(other => other !== reservation);
        if (rest.length > 0) this.#taken.set(key, rest);
        else this.#taken.delete(key);
      }
      if (!isAdopted && reservation.fd >= 0) closeSync(reservation.fd);
    }
  }

  #hostIps(request: PortRequest, { defaultHostIp = '', families = [4, 6] }: TakeOptions): string[] {
    const everywhere = [WILDCARD4, ...(this.#deps.hasIpv6() ? [WILDCARD6] : [])];
    const hostIp = normalised(request.hostIp || defaultHostIp);
    return (hostIp === '' ? everywhere : [hostIp]).filter(ip => families.includes(isIPv6(ip) ? 6 : 4));
  }

  #takeOne(owner: string, request: PortRequest, hostIps: readonly string[]): Reservation {
    const conflicts: PortConflict[] = [];
    for (const hostPort of this.#candidates(request)) {
      try {
        const ports = hostIps.map(hostIp => ({
          protocol: request.protocol,
          containerPort: request.containerPort,
          hostIp,
          hostPort,
        }));
        const reservation = { owner, ports, fd: this.#open(ports) };
        this.#note(reservation);
        return reservation;
      } catch (error) {
        if (!(error instanceof PortConflict)) throw error;
        if (error.code !== 'EADDRINUSE') throw error; // the next port would fare no better
        conflicts.push(error);
      }
    }
    const [first] = conflicts;
    if (!first) throw new EngineError('conflict', 'all ports are allocated');
    if (conflicts.length === 1) throw first;
    throw new PortConflict(first.port, first.code, first.holder, conflicts);
  }

  /** One socket for one address, or for both wildcards. */
  #open(ports: readonly PublishedPort[]): number {
    const [first] = ports;
    if (!first) throw new RangeError('no port to open');
    for (const port of ports) {
      const holder = this.#holderOf(port);
      if (holder) throw new PortConflict(port, 'EADDRINUSE', holder.owner);
    }
    const isDualStack = ports.length > 1;
    const address = parseIp(isDualStack ? WILDCARD6 : first.hostIp);
    if (!address) throw new EngineError('invalid', `invalid IP address: ${first.hostIp}`);
    try {
      return this.#reserve({
        protocol: first.protocol,
        address: ipBytes(address),
        port: first.hostPort,
        isDualStack,
      });
    } catch (error) {
      if (isErrno(error, 'EPROTONOSUPPORT', 'ESOCKTNOSUPPORT')) return -1;
      if (error instanceof SysError) throw new PortConflict(first, error.code);
      throw error;
    }
  }

  #holderOf(port: PublishedPort): Reservation | undefined {
    return this.#taken
      .get(keyOf(port))
      ?.find(reservation => reservation.ports.some(other => collides(other.hostIp, port.hostIp)));
  }

  #note(reservation: Reservation): void {
    for (const port of reservation.ports) {
      const key = keyOf(port);
      this.#taken.set(key, [...(this.#taken.get(key) ?? []), reservation]);
    }
  }

  *#candidates({ hostPortFirst, hostPortLast }: PortRequest): Generator<number> {
    if (hostPortFirst !== 0) {
      for (let port = hostPortFirst; port <= hostPortLast; port += 1) yield port;
      return;
    }
    const [first, last] = this.#deps.ephemeralRange();
    this.#nextEphemeral ??= this.#deps.beginWith?.(first, last) ?? randomInt(first, last + 1);
    for (let tried = first; tried <= last; tried += 1) {
      if (this.#nextEphemeral < first || this.#nextEphemeral > last) this.#nextEphemeral = first;
      this.#nextEphemeral += 1;
      yield this.#nextEphemeral - 1;
    }
  }
}

/** `0.0.0.0` and `::` of the same port, next to each other, share a socket. */
function pairWildcards(ports: readonly PublishedPort[]): PublishedPort[][] {
  const groups: PublishedPort[][] = [];
  for (const port of ports) {
    const last = groups.at(-1);
    const isSecondHalf =
      port.hostIp === WILDCARD6 &&
      last?.length === 1 &&
      last[0]?.hostIp === WILDCARD4 &&
      last[0].hostPort === port.hostPort &&
      last[0].containerPort === port.containerPort &&
      last[0].protocol === port.protocol;
    if (last && isSecondHalf) last.push(port);
    else groups.push([port]);
  }
  return groups;
}

function collides(one: string, other: string): boolean {
  if (isIPv6(one) !== isIPv6(other)) return false;
  return one === other || isWildcard(one) || isWildcard(other);
}

function isWildcard(ip: string): boolean {
  return ip === WILDCARD4 || ip === WILDCARD6;
}

function keyOf(port: PublishedPort): string {
  return `${port.protocol}/${port.hostPort}`;
}

function normalised(hostIp: string): string {
  const bare = hostIp.replace(/^\[(.*)\]$/, '$1');
  if (bare === '') return '';
  // An IPv4 address in IPv6 clothes (RFC 4291, 2.5.5.2) is bound and rewritten as what it is.
  const ip = parseIp(bare.replace(/^::ffff:(?=\d+\.)/i, ''));
  if (!ip) throw new EngineError('invalid', `invalid IP address: ${hostIp}`);
  return formatIp(ip);
}
