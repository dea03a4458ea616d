import * as v from 'valibot';
import { maybe, orDefault, text, textMap } from '#spec/docker/lenient';

/** What plugins answer, by Docker's remote driver and remote IPAM protocols (moby daemon/libnetwork/docs/remote.md, ipam.md). */

const MAX_ROUTES = 256;

export const Nothing = v.object({});

export const NetworkCapabilities = v.object({ Scope: text, ConnectivityScope: text });

const EndpointInterface = v.object({ Address: text, AddressIPv6: text, MacAddress: text });
export const CreatedEndpoint = v.object({ Interface: maybe(EndpointInterface) });

/** RouteType 0 leads to a next hop, 1 to the link itself. */
const StaticRoute = v.object({
  Destination: v.string(),
  RouteType: orDefault(v.picklist([0, 1]), 0),
  NextHop: text,
});

export const Joined = v.object({
  InterfaceName: orDefault(v.object({ SrcName: text, DstPrefix: text, DstName: text }), {}),
  Gateway: text,
  GatewayIPv6: text,
  StaticRoutes: orDefault(v.pipe(v.array(StaticRoute), v.maxLength(MAX_ROUTES)), []),
});

export const AddressSpaces = v.object({ LocalDefaultAddressSpace: text, GlobalDefaultAddressSpace: text });
export const Pool = v.object({
  PoolID: v.pipe(v.string(), v.minLength(1)),
  Pool: v.string(),
  Data: textMap,
});
export const RequestedAddress = v.object({ Address: v.string(), Data: textMap });

export const GENERIC_OPTIONS = 'com.docker.network.generic';
export const PORT_MAP = 'com.docker.network.portmap';
export const EXPOSED_PORTS = 'com.docker.network.endpoint.exposedports';
export const GATEWAY_REQUEST = {
  RequestAddressType: 'com.docker.network.gateway',
} as const;

/** A driver must not hold up the engine for long. */
export const PLUGIN_CALL_MS = 15_000;
