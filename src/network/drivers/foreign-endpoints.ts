import type * as v from 'valibot';
import { EngineError, messageOf } from '#base/errors';
import { type EndpointId, newId } from '#base/ids';
import type { Logger } from '#base/logger';
import type { EndpointRecord } from '../endpoint-table.ts';
import { isLinkName } from '../instance-names.ts';
import { formatSubnet, parseCidr, parseIp, parseSubnet } from '../ip-address.ts';
import type { AssignedAddress, Ipam } from '../ipam.ts';
import { parseMac } from '../mac-address.ts';
import type { EndpointRequest, PortRequest } from '../network.ts';
import type { NetworkRecord } from '../network-table.ts';
import type { DriverTable } from './driver-table.ts';
import { type ForeignIpam, hasForeignIpam } from './foreign-ipam.ts';
import { RemoteDriver } from './remote-driver.ts';
import { CreatedEndpoint, EXPOSED_PORTS, Joined, Nothing, PORT_MAP } from './remote-protocol.ts';

/** What other programs decided about an endpoint before it is made. */
export interface PreparedEndpoint {
  readonly id: EndpointId;
  readonly networkId: string;
  readonly ipv4: AssignedAddress | undefined;
  readonly ipv6: AssignedAddress | undefined;
  readonly macAddress: string | undefined;
  readonly interfaceName: string | undefined;
  readonly interfacePrefix: string | undefined;
  readonly foreign: NonNullable<EndpointRecord['foreign']>;
}

export interface ForeignEndpointsDeps {
  readonly drivers: DriverTable;
  readonly ipam: Ipam;
  readonly foreignIpam: ForeignIpam;
  readonly logger: Logger;
}

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** The part of endpoints that plugins have: what waits for them is done before and after what must not wait. */
export class ForeignEndpoints {
  readonly #deps: ForeignEndpointsDeps;

  constructor(deps: ForeignEndpointsDeps) {
    this.#deps = deps;
  }

  concerns(network: NetworkRecord): boolean {
    return hasForeignIpam(network.ipam.driver) || this.#deps.drivers.of(network) instanceof RemoteDriver;
  }

  /** @throws what a call throws; what was arranged is undone then. */
  async prepare(
    network: NetworkRecord,
    request: EndpointRequest,
    sandbox: string,
  ): Promise<PreparedEndpoint> {
    await using undo = new AsyncDisposableStack();
    const id = newId<EndpointId>();
    const poolIds: Record<string, string> = {};
    const assign = async (family: 4 | 6, asked: string | undefined) => {
      const { foreignIpam, ipam } = this.#deps;
      const { driver } = network.ipam;
      if (!hasForeignIpam(driver)) {
        const local = ipam.assign(network, family, asked);
        if (local) undo.defer(() => ipam.release(network.id, local.address));
        return local;
      }
      const assigned = await foreignIpam.assign(network, family, asked);
      if (!assigned) return undefined;
      const { poolId, ...address } = assigned;
      poolIds[address.address] = poolId;
      undo.defer(() => this.#quietly(() => foreignIpam.release(driver, poolId, address.address)));
      return address;
    };
    const plan = {
      id,
      networkId: network.id,
      ipv4: await assign(4, request.ipv4Address),
      ipv6: await assign(6, request.ipv6Address),
      macAddress: request.macAddress || undefined,
      interfaceName: undefined,
      interfacePrefix: undefined,
      foreign: { poolIds },
    };
    const driver = this.#deps.drivers.of(network);
    const prepared =
      driver instanceof RemoteDriver
        ? await this.#join(driver, { network, request, sandbox, plan, undo })
        : plan;
    undo.move();
    return prepared;
  }

  /** Undoes {@link prepare}, or ends what came of it. Never throws. */
  async end(network: NetworkRecord, endpoint: Pick<EndpointRecord, 'id' | 'foreign'>): Promise<void> {
    const driver = this.#deps.drivers.of(network);
    const ids = { NetworkID: network.id, EndpointID: endpoint.id };
    if (driver instanceof RemoteDriver) {
      await this.#quietly(async () => {
        const plugin = await driver.plugin();
        if (endpoint.foreign?.isPublished) {
          await plugin.call('NetworkDriver.RevokeExternalConnectivity', ids, Nothing, driver.callOptions);
        }
      });
      await this.#quietly(async () =>
        (await driver.plugin()).call('NetworkDriver.Leave', ids, Nothing, driver.callOptions),
      );
      await this.#quietly(async () =>
        (await driver.plugin()).call('NetworkDriver.DeleteEndpoint', ids, Nothing, driver.callOptions),
      );
    }
    for (const [address, poolId] of Object.entries(endpoint.foreign?.poolIds ?? {})) {
      await this.#quietly(() => this.#deps.foreignIpam.release(network.ipam.driver, poolId, address));
    }
  }

  /** Asks the plugin to publish ports, after the endpoint is there. @throws what a call throws. */
  async publish(network: NetworkRecord, endpointId: string, ports: readonly PortRequest[]): Promise<void> {
    const driver = this.#deps.drivers.of(network);
    if (!(driver instanceof RemoteDriver)) return;
    const request = {
      NetworkID: network.id,
      EndpointID: endpointId,
      Options: {
        [PORT_MAP]: ports.map(port => ({
          Proto: PROTOCOL_NUMBERS[port.protocol],
          IP: '',
          Port: port.containerPort,
          HostIP: port.hostIp,
          HostPort: port.hostPortFirst,
          HostPortEnd: port.hostPortLast,
        })),
        [EXPOSED_PORTS]: ports.map(port => ({
          Proto: PROTOCOL_NUMBERS[port.protocol],
          Port: port.containerPort,
        })),
      },
    };
    const plugin = await driver.plugin();
    await plugin.call('NetworkDriver.ProgramExternalConnectivity', request, Nothing, driver.callOptions);
  }

  async #join(
    driver: RemoteDriver,
    at: {
      readonly network: NetworkRecord;
      readonly request: EndpointRequest;
      readonly sandbox: string;
      readonly plan: PreparedEndpoint;
      readonly undo: AsyncDisposableStack;
    },
  ): Promise<PreparedEndpoint> {
    const { network, request, sandbox, plan, undo } = at;
    const plugin = await driver.plugin();
    const ids = { NetworkID: network.id, EndpointID: plan.id };
    const cidr = (address: AssignedAddress | undefined): string =>
      address ? `${address.address}/${address.prefixLength}` : '';
    const Interface = {
      Address: cidr(plan.ipv4),
      AddressIPv6: cidr(plan.ipv6),
      MacAddress: plan.macAddress ?? '',
    };
    const created = await plugin.call(
      'NetworkDriver.CreateEndpoint',
      { ...ids, Interface, Options: request.driverOptions },
      CreatedEndpoint,
      driver.callOptions,
    );
    undo.defer(() =>
      this.#quietly(() => plugin.call('NetworkDriver.DeleteEndpoint', ids, Nothing, driver.callOptions)),
    );
    const joined = await plugin.call(
      'NetworkDriver.Join',
      { ...ids, SandboxKey: sandbox, Options: {} },
      Joined,
      driver.callOptions,
    );
    undo.defer(() =>
      this.#quietly(() => plugin.call('NetworkDriver.Leave', ids, Nothing, driver.callOptions)),
    );
    return completed(driver.name, network, { plan, created, joined });
  }

  async #quietly(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#deps.logger.warn('a network plugin did not end its part of an endpoint', {
        error: messageOf(error),
      });
    }
  }
}

/** What was planned with what the plugin answered, once that can be believed. @throws `internal` */
function completed(
  plugin: string,
  network: NetworkRecord,
  {
    plan,
    created,
    joined,
  }: {
    readonly plan: PreparedEndpoint;
    readonly created: v.InferOutput<typeof CreatedEndpoint>;
    readonly joined: v.InferOutput<typeof Joined>;
  },
): PreparedEndpoint {
  const { SrcName, DstPrefix, DstName } = joined.InterfaceName;
  for (const name of [SrcName, DstName, DstPrefix === '' ? '' : `${DstPrefix}99`]) {
    if (name !== '' && (!isLinkName(name) || name === 'lo')) throw badAnswer(plugin, 'interface', name);
  }
  const { MacAddress = '', Address = '', AddressIPv6 = '' } = created.Interface ?? {};
  const mac = MacAddress === '' ? undefined : parseMac(MacAddress);
  if (MacAddress !== '' && mac === undefined) throw badAnswer(plugin, 'hardware address', MacAddress);
  const routes = joined.StaticRoutes.map(({ Destination, RouteType, NextHop }) => {
    const destination = parseSubnet(Destination);
    const hasHop = RouteType === 0;
    if (!destination || (hasHop && !parseIp(NextHop))) {
      throw badAnswer(plugin, 'route', `${Destination} ${NextHop}`);
    }
    return { destination: formatSubnet(destination), nextHop: hasHop ? NextHop : '' };
  });
  const complete = (own: AssignedAddress | undefined, theirs: string, gateway: string) =>
    completedAddress(plugin, { own, theirs, gateway: network.isInternal ? '' : gateway });
  return {
    ...plan,
    ipv4: complete(plan.ipv4, Address, joined.Gateway),
    ipv6: complete(plan.ipv6, AddressIPv6, joined.GatewayIPv6),
    macAddress: plan.macAddress ?? mac,
    interfaceName: DstName || undefined,
    interfacePrefix: DstPrefix || undefined,
    foreign: { ...plan.foreign, sourceLink: SrcName, routes },
  };
}

/** A plugin may give an address where there is none, and says itself which way leads out. */
function completedAddress(
  plugin: string,
  given: { readonly own: AssignedAddress | undefined; readonly theirs: string; readonly gateway: string },
): AssignedAddress | undefined {
  const { own, theirs, gateway } = given;
  const cidr = theirs === '' ? undefined : parseCidr(theirs);
  if (theirs !== '' && (!cidr || own)) throw badAnswer(plugin, 'address', theirs);
  if (gateway !== '' && !parseIp(gateway)) throw badAnswer(plugin, 'gateway', gateway);
  const base = own ?? (cidr && { address: theirs.split('/')[0] ?? '', prefixLength: cidr.prefixLength });
  if (!base) return undefined;
  const { address, prefixLength } = base;
  return { address, prefixLength, ...(gateway !== '' && { gateway }) };
}

function badAnswer(plugin: string, what: string, value: string): EngineError {
  return new EngineError(
    'internal',
    `plugin "${plugin}": bad answer: ${what} ${JSON.stringify(value.slice(0, 200))}`,
  );
}
