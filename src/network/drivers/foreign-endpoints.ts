import type * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type EndpointId, newId } from '#base/ids';
import type { EndpointRecord } from '../endpoint-table.ts';
import { isLinkName } from '../instance-names.ts';
import { formatSubnet, parseCidr, parseIp, parseSubnet } from '../ip-address.ts';
import type { AssignedAddress, Ipam } from '../ipam.ts';
import { parseMac } from '../mac-address.ts';
import type { EndpointRequest, PortRequest } from '../network.ts';
import type { NetworkRecord } from '../network-table.ts';
import type { OwedCall } from '../owed-call-table.ts';
import type { DriverTable } from './driver-table.ts';
import { type ForeignIpam, hasForeignIpam } from './foreign-ipam.ts';
import type { OwedCalls } from './owed-calls.ts';
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
  /** what plugins will be told should the engine be killed before the endpoint has its row */
  readonly held: readonly number[];
}

export interface ForeignEndpointsDeps {
  readonly drivers: DriverTable;
  readonly ipam: Ipam;
  readonly foreignIpam: ForeignIpam;
  readonly owed: OwedCalls;
}

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** The part of endpoints that plugins have: what waits for them is done before and after what must not wait. */
export class ForeignEndpoints implements Disposable {
  readonly #deps: ForeignEndpointsDeps;

  constructor(deps: ForeignEndpointsDeps) {
    this.#deps = deps;
  }

  /** Stops telling plugins what is owed to them; it stays written down. */
  [Symbol.dispose](): void {
    this.#deps.owed[Symbol.dispose]();
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
    await this.#pay(network); // what is given back late must not be an address that is taken now
    await using undo = new AsyncDisposableStack();
    const id = newId<EndpointId>();
    const poolIds: Record<string, string> = {};
    const held: number[] = [];
    undo.defer(() => this.#deps.owed.drop(held)); // last: by then what has to be told is written down
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
      const release = [releaseOf(network, poolId, address.address)];
      held.push(...this.#deps.owed.hold(release));
      undo.defer(() => this.#tell(release));
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
      held,
    };
    const driver = this.#deps.drivers.of(network);
    const prepared =
      driver instanceof RemoteDriver
        ? await this.#join(driver, { network, request, sandbox, plan, undo, held })
        : plan;
    undo.move();
    return prepared;
  }

  /** Notes what plugins have to be told of an endpoint that ends; belongs into the transaction that deletes it. */
  owe(
    network: NetworkRecord,
    endpoint: Pick<EndpointRecord, 'id' | 'foreign'>,
    instead: readonly number[] = [],
  ): void {
    if (!endpoint.foreign) return;
    const driver = this.#deps.drivers.of(network);
    const { isPublished, poolIds = {} } = endpoint.foreign;
    const methods = [...(isPublished ? ['RevokeExternalConnectivity'] : []), 'Leave', 'DeleteEndpoint'];
    const calls = [
      ...(driver instanceof RemoteDriver
        ? methods.map(method => driverCall(network, endpoint.id, `NetworkDriver.${method}`))
        : []),
      ...Object.entries(poolIds).map(([address, poolId]) => releaseOf(network, poolId, address)),
    ];
    this.#deps.owed.note(calls, instead);
  }

  /** The endpoints have their rows, which say what there is to end: belongs into the transaction that writes them. */
  keep(prepared: readonly PreparedEndpoint[]): void {
    this.#deps.owed.drop(prepared.flatMap(({ held }) => held));
  }

  /** Tells plugins what is owed to them. Never throws: who is away is told later. */
  async settle(network: NetworkRecord): Promise<void> {
    await this.#pay(network);
  }

  /** Undoes {@link prepare}. Never throws. */
  async end(
    network: NetworkRecord,
    prepared: Pick<PreparedEndpoint, 'id' | 'foreign' | 'held'>,
  ): Promise<void> {
    this.owe(network, prepared, prepared.held);
    await this.#pay(network);
  }

  /** A network ends, which its own plugin knows: notes that its ranges are to be given back. */
  oweRanges(network: NetworkRecord): void {
    this.#deps.owed.forget(network.id);
    const { driver, pools } = network.ipam;
    if (!hasForeignIpam(driver)) return;
    const calls = pools.flatMap(({ poolId, gateway }) => [
      ...(poolId !== undefined && gateway !== undefined ? [releaseOf(network, poolId, gateway)] : []),
      ...(poolId !== undefined ? [ipamCall(network, 'IpamDriver.ReleasePool', { PoolID: poolId })] : []),
    ]);
    this.#deps.owed.note(calls);
  }

  /** What was owed when the engine ended. */
  async settleAll(): Promise<void> {
    await this.#deps.owed.payAll();
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
      readonly held: number[];
    },
  ): Promise<PreparedEndpoint> {
    const { network, request, sandbox, plan, undo, held } = at;
    const plugin = await driver.plugin();
    const ids = { NetworkID: network.id, EndpointID: plan.id };
    const cidr = (address: AssignedAddress | undefined): string =>
      address ? `${address.address}/${address.prefixLength}` : '';
    const Interface = {
      Address: cidr(plan.ipv4),
      AddressIPv6: cidr(plan.ipv6),
      MacAddress: plan.macAddress ?? '',
    };
    // Before the calls: of one that is under way when the engine is killed nobody knows whether it was understood.
    const calls = [
      ...['Leave', 'DeleteEndpoint'].map(each => driverCall(network, plan.id, `NetworkDriver.${each}`)),
      ...Object.entries(plan.foreign.poolIds ?? {}).map(([address, poolId]) =>
        releaseOf(network, poolId, address),
      ),
    ];
    held.splice(0, held.length, ...this.#deps.owed.hold(calls, held));
    const created = await plugin.call(
      'NetworkDriver.CreateEndpoint',
      { ...ids, Interface, Options: request.driverOptions },
      CreatedEndpoint,
      driver.callOptions,
    );
    undo.defer(() => this.#tell([driverCall(network, plan.id, 'NetworkDriver.DeleteEndpoint')]));
    const joined = await plugin.call(
      'NetworkDriver.Join',
      { ...ids, SandboxKey: sandbox, Options: {} },
      Joined,
      driver.callOptions,
    );
    undo.defer(() => this.#tell([driverCall(network, plan.id, 'NetworkDriver.Leave')]));
    return completed(driver.name, network, { plan, created, joined });
  }

  async #tell(calls: readonly OwedCall[]): Promise<void> {
    this.#deps.owed.note(calls);
    for (const { plugin } of calls) await this.#deps.owed.pay(plugin);
  }

  async #pay(network: NetworkRecord): Promise<void> {
    const { drivers, owed } = this.#deps;
    const { driver } = network.ipam;
    if (drivers.of(network) instanceof RemoteDriver) await owed.pay(network.driver);
    if (hasForeignIpam(driver) && driver !== network.driver) await owed.pay(driver);
  }
}

function driverCall({ id, driver }: NetworkRecord, endpointId: string, method: string): OwedCall {
  return {
    plugin: driver,
    capability: 'NetworkDriver',
    method,
    networkId: id,
    request: { NetworkID: id, EndpointID: endpointId },
  };
}

function releaseOf(network: NetworkRecord, poolId: string, address: string): OwedCall {
  return ipamCall(network, 'IpamDriver.ReleaseAddress', { PoolID: poolId, Address: address });
}

function ipamCall({ id, ipam }: NetworkRecord, method: string, request: object): OwedCall {
  return { plugin: ipam.driver, capability: 'IpamDriver', method, networkId: id, request };
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
