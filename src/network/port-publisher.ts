import { isIPv6 } from 'node:net';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import type { PortRequest, PublishedPort } from './network.ts';
import type { PortBook, Reservation, TakeOptions } from './port-book.ts';
import { forwardTcp, forwardUdp, type PortForwarder } from './port-forwarder.ts';
import { forwardTargetOf, needsForwarder, type PublishTarget } from './publications.ts';

interface ActivePort {
  readonly reservation: Reservation;
  target: PublishTarget;
  forwarder: PortForwarder | undefined;
  isReleased: boolean;
}

export interface PortPublisherDeps {
  readonly book: PortBook;
  readonly logger: Logger;
  /** nothing that comes from outside is rewritten by the kernel */
  readonly isServingAll: boolean;
}

/** Forwarders are made this many at a time between turns of the event loop. */
const FORWARDERS_PER_TURN = 16;

/** Sockets behind published ports: reserved at once, served by the engine a moment later. Keyed by endpoint. */
export class PortPublisher {
  readonly #book: PortBook;
  readonly #logger: Logger;
  readonly #isServingAll: boolean;
  readonly #active = new Map<string, ActivePort[]>();
  readonly #waiting: ActivePort[] = [];
  #isServing = false;

  constructor({ book, logger, isServingAll }: PortPublisherDeps) {
    this.#book = book;
    this.#logger = logger;
    this.#isServingAll = isServingAll;
  }

  /** Takes the ports for a container. @throws {PortConflict}, `invalid`. */
  reserve(containerId: string, requests: readonly PortRequest[], options: TakeOptions): Reservation[] {
    return this.#book.take(containerId, requests, options);
  }

  /** Gives back what was reserved and not activated. */
  cancel(reservations: readonly Reservation[]): void {
    this.#book.release(reservations);
  }

  /** @returns ports that others have now. */
  restore(
    containerId: string,
    endpointId: string,
    ports: readonly PublishedPort[],
    target: PublishTarget,
  ): PublishedPort[] {
    const { reservations, lost } = this.#book.retake(containerId, ports);
    this.activate(endpointId, reservations, target);
    return lost;
  }

  /** Serves reserved ports; they belong to the endpoint from now on. */
  activate(endpointId: string, reservations: readonly Reservation[], target: PublishTarget): void {
    if (reservations.length === 0) return;
    const ports = reservations.map(reservation => ({
      reservation,
      target,
      forwarder: undefined,
      isReleased: false,
    }));
    this.#active.set(endpointId, [...(this.#active.get(endpointId) ?? []), ...ports]);
    this.#waiting.push(...ports);
    void this.#serveWaiting();
  }

  /** What an endpoint has against what it should have. */
  compare(
    endpointId: string,
    requests: readonly PortRequest[],
    options: TakeOptions,
  ): {
    readonly kept: readonly Reservation[];
    readonly gone: readonly Reservation[];
    readonly missing: readonly PortRequest[];
  } {
    const present = new Set((this.#active.get(endpointId) ?? []).map(port => port.reservation));
    const kept: Reservation[] = [];
    const missing: PortRequest[] = [];
    for (const request of requests) {
      const fitting = [...present].find(reservation => this.#book.fits(reservation, request, options));
      if (!fitting) {
        missing.push(request);
        continue;
      }
      present.delete(fitting);
      kept.push(fitting);
    }
    return { kept, gone: [...present], missing };
  }

  /** Moves an endpoint's ports to another endpoint. */
  move(from: string, to: string, target: PublishTarget): void {
    const ports = this.#active.get(from);
    if (!ports) return;
    this.#active.delete(from);
    this.#active.set(to, ports);
    for (const port of ports) {
      port.target = target;
      const next = forwardTargetOf(port.reservation.ports, target);
      if (next) port.forwarder?.retarget(next);
    }
  }

  /** Closes an endpoint's ports: others can have them when this returns. */
  release(endpointId: string): void {
    for (const port of this.#active.get(endpointId) ?? []) this.#close(port);
    this.#active.delete(endpointId);
  }

  /** Closes some of an endpoint's ports. */
  releaseSome(endpointId: string, reservations: readonly Reservation[]): void {
    const gone = new Set(reservations);
    const ports = this.#active.get(endpointId) ?? [];
    for (const port of ports) if (gone.has(port.reservation)) this.#close(port);
    this.#active.set(
      endpointId,
      ports.filter(port => !gone.has(port.reservation)),
    );
  }

  releaseAll(): void {
    for (const endpointId of this.#active.keys()) this.release(endpointId);
  }

  #close(port: ActivePort): void {
    port.isReleased = true;
    port.forwarder?.[Symbol.dispose]();
    this.#book.release([port.reservation], { isAdopted: port.forwarder !== undefined });
  }

  async #serveWaiting(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    while (this.#waiting.length > 0) {
      await yieldToLoop();
      for (const port of this.#waiting.splice(0, FORWARDERS_PER_TURN)) this.#serve(port);
    }
    this.#isServing = false;
  }

  #serve(port: ActivePort): void {
    const { fd, ports } = port.reservation;
    const target = forwardTargetOf(ports, port.target);
    if (port.isReleased || fd < 0 || !target || ports[0]?.protocol === 'sctp') return;
    if (!this.#isServingAll && !needsForwarder(ports, port.target)) return;
    try {
      const isIpv6 = ports.some(({ hostIp }) => isIPv6(hostIp));
      port.forwarder =
        ports[0]?.protocol === 'udp'
          ? forwardUdp(fd, target, { isIpv6, logger: this.#logger })
          : forwardTcp(fd, target, this.#logger);
    } catch (error) {
      this.#logger.warn('cannot serve published port', { port: ports[0]?.hostPort, error: messageOf(error) });
    }
  }
}
