import type { AddressShares } from './address-shares.ts';
import type { MeshState } from './mesh-state.ts';
import type { MeshSwitch } from './mesh-switch.ts';

export interface DriverMethodsDeps {
  readonly state: MeshState;
  readonly lan: MeshSwitch;
  readonly shares: AddressShares;
  /** Tells the other hosts what has changed. */
  readonly announce: () => void;
  readonly newMac: () => string;
  /** Answers for names at an address, until silenced. */
  readonly serveNames: (gateway: string) => Promise<void>;
  readonly silence: (gateway: string) => void;
  readonly status: () => object;
}

interface NetworkRequest {
  readonly NetworkID: string;
  readonly Options?: Readonly<Record<string, unknown>>;
  readonly IPv4Data?: readonly { readonly Gateway: string }[];
}

interface EndpointRequest {
  readonly NetworkID: string;
  readonly EndpointID: string;
  readonly Interface?: { readonly Address: string; readonly MacAddress: string };
}

interface AddressRequest {
  readonly PoolID: string;
  readonly Address: string;
}

type Method = (request: never) => object | Promise<object> | undefined | Promise<void>;

const GENERIC_OPTIONS = 'com.docker.network.generic';
const DEFAULT_MESH = 'mesh';
const DEFAULT_RANGE = '10.32.0.0/16';

/** The protocol: what the engine asks of a network driver and of an IPAM driver. A call that comes again does no harm. */
export function driverMethods(deps: DriverMethodsDeps): Readonly<Record<string, Method>> {
  return {
    'Plugin.Activate': () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }),
    'Mesh.Status': deps.status,
    ...addressMethods(deps),
    ...networkMethods(deps),
    ...endpointMethods(deps),
  };
}

function addressMethods({ shares }: DriverMethodsDeps): Readonly<Record<string, Method>> {
  return {
    'IpamDriver.GetCapabilities': () => ({ RequiresMACAddress: false }),
    'IpamDriver.GetDefaultAddressSpaces': () => ({
      LocalDefaultAddressSpace: 'mesh',
      GlobalDefaultAddressSpace: 'mesh',
    }),
    'IpamDriver.RequestPool': ({ Pool, V6 }: { readonly Pool: string; readonly V6: boolean }) => {
      if (V6) throw new Error('the mesh has no IPv6 addresses');
      const subnet = Pool || DEFAULT_RANGE;
      shares.open(subnet);
      return { PoolID: subnet, Pool: subnet, Data: {} };
    },
    'IpamDriver.ReleasePool': ({ PoolID }: AddressRequest) => shares.close(PoolID) as undefined,
    'IpamDriver.RequestAddress': async ({ PoolID, Address }: AddressRequest) => ({
      Address: await shares.take(PoolID, Address),
    }),
    'IpamDriver.ReleaseAddress': ({ PoolID, Address }: AddressRequest) =>
      shares.release(PoolID, Address) as undefined,
  };
}

function networkMethods(deps: DriverMethodsDeps): Readonly<Record<string, Method>> {
  const { state, lan } = deps;
  return {
    'NetworkDriver.GetCapabilities': () => ({ Scope: 'local', ConnectivityScope: 'global' }),
    'NetworkDriver.CreateNetwork': async ({ NetworkID, Options, IPv4Data }: NetworkRequest) => {
      const generic = Options?.[GENERIC_OPTIONS];
      const mesh =
        typeof generic === 'object' && generic && 'mesh' in generic ? String(generic.mesh) : DEFAULT_MESH;
      if (state.networks.some(each => each.mesh === mesh))
        throw new Error(`mesh ${mesh} is on this host already`);
      const network = { id: NetworkID, mesh, gateway: IPv4Data?.[0]?.Gateway ?? '' };
      state.networks.push(network);
      state.save(); // before there is anything, so that a run after this one knows it
      lan.open(network);
      await deps.serveNames(network.gateway);
    },
    'NetworkDriver.DeleteNetwork': ({ NetworkID }: NetworkRequest) => {
      const network = state.networks.find(({ id }) => id === NetworkID);
      if (!network) return undefined;
      deps.silence(network.gateway);
      lan.close(network.mesh);
      state.networks = state.networks.filter(each => each !== network);
      state.save();
      return undefined;
    },
    'NetworkDriver.ProgramExternalConnectivity': () => ({}),
    'NetworkDriver.RevokeExternalConnectivity': () => ({}),
  };
}

function endpointMethods({
  state,
  lan,
  announce,
  newMac,
}: DriverMethodsDeps): Readonly<Record<string, Method>> {
  const find = (id: string) => state.endpoints.find(each => each.id === id);
  const leave = ({ EndpointID }: EndpointRequest): undefined => {
    lan.unplug(EndpointID);
  };
  return {
    'NetworkDriver.CreateEndpoint': ({ NetworkID, EndpointID, Interface }: EndpointRequest) => {
      const network = state.networks.find(({ id }) => id === NetworkID);
      if (!network) throw new Error(`network ${NetworkID} is not on this host`);
      const given = Interface?.MacAddress ?? '';
      const mac = given || newMac();
      const ip = (Interface?.Address ?? '').split('/')[0] ?? '';
      state.endpoints.push({ id: EndpointID, mesh: network.mesh, mac, ip });
      state.save();
      return { Interface: given === '' ? { MacAddress: mac } : {} };
    },
    'NetworkDriver.Join': ({ EndpointID }: EndpointRequest) => {
      const endpoint = find(EndpointID);
      if (!endpoint) throw new Error(`endpoint ${EndpointID} is not on this host`);
      const far = lan.plug(endpoint);
      announce();
      const gateway = state.networks.find(({ mesh }) => mesh === endpoint.mesh)?.gateway ?? '';
      return {
        InterfaceName: { SrcName: far, DstPrefix: 'mesh' },
        Gateway: gateway.split('/')[0] ?? '', // whatever is not of the mesh goes by the host
      };
    },
    'NetworkDriver.Leave': leave,
    'NetworkDriver.DeleteEndpoint': (request: EndpointRequest) => {
      leave(request);
      state.endpoints = state.endpoints.filter(({ id }) => id !== request.EndpointID);
      state.save();
      announce();
      return undefined;
    },
    'NetworkDriver.EndpointOperInfo': () => ({ Value: {} }),
  };
}
