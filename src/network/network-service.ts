import type { Abortable } from '#base/abortable';
import { notImplemented } from '#base/errors';
import type { Endpoint, EndpointRequest, IpamPool, Network, PortRequest } from './network.ts';

export interface NetworkCreateOptions {
  readonly name: string;
  readonly driver?: string;
  readonly isInternal?: boolean;
  readonly isAttachable?: boolean;
  readonly hasIpv4?: boolean;
  readonly hasIpv6?: boolean;
  readonly pools?: readonly IpamPool[];
  readonly ipamDriver?: string;
  readonly ipamOptions?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Who a sandbox belongs to, for names and messages. */
export interface SandboxOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
}

/** Networks, sandboxes (a container's network name space) and endpoints. */
export class NetworkService {
  list(): Network[] {
    throw notImplemented('network list');
  }

  /** By name, ID, or unique ID prefix. @throws `notFound` `network X not found`. */
  get(_reference: string): Network {
    throw notImplemented('network get');
  }

  find(_reference: string): Network | undefined {
    throw notImplemented('network find');
  }

  async create(_options: NetworkCreateOptions, _abortable?: Abortable): Promise<Network> {
    throw notImplemented('network create');
  }

  async remove(_reference: string, _abortable?: Abortable): Promise<void> {
    throw notImplemented('network remove');
  }

  /** Endpoints of running containers on one network. */
  endpointsOn(_networkId: string): Endpoint[] {
    throw notImplemented('network endpoints');
  }

  /** Endpoints a container has now. */
  endpointsOf(_containerId: string): Endpoint[] {
    throw notImplemented('network endpoints');
  }

  /**
   * Makes a network name space bound to a file, with `lo` up. Idempotent.
   * @returns the file's path (`…/netns/<id>`), to give to the runtime.
   */
  createSandbox(_owner: SandboxOwner): string {
    throw notImplemented('network sandbox');
  }

  /**
   * Attaches the sandbox of a container to networks, in one go: addresses, links, routes, and published ports
   * (on the endpoint with the default gateway). All or nothing.
   *
   * @throws `conflict` for an address or port in use (naming who has it), `notFound`, `invalid`.
   */
  async attach(
    _owner: SandboxOwner,
    _endpoints: readonly EndpointRequest[],
    _ports: readonly PortRequest[],
    _options?: Abortable,
  ): Promise<Endpoint[]> {
    throw notImplemented('network attach');
  }

  /** Detaches one network from a running container. */
  async detach(_containerId: string, _network: string): Promise<void> {
    throw notImplemented('network detach');
  }

  /**
   * Releases everything a container holds: ports and addresses at once, the name space in the background.
   * Idempotent, happy to find nothing.
   */
  release(_containerId: string): void {
    throw notImplemented('network release');
  }

  /** At start-up: re-asserts links and rules of `running`, releases what belongs to anyone else. */
  async restore(_running: ReadonlySet<string>): Promise<void> {
    throw notImplemented('network restore');
  }

  /** Removes our rules and, when no container uses them, our bridges. */
  async shutdown(): Promise<void> {
    throw notImplemented('network shutdown');
  }
}
