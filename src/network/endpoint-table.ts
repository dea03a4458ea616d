import * as v from 'valibot';
import type { EndpointId } from '#base/ids';
import { mapOf } from '#spec/docker/lenient';
import type { Database, Row } from '#store/database';
import type { InterfaceSysctl } from './endpoint-options.ts';
import type { OpenPort } from './firewall-rules.ts';
import type { Endpoint } from './network.ts';

const Address = v.object({
  address: v.string(),
  prefixLength: v.number(),
  gateway: v.exactOptional(v.string()),
});

const Settings = v.object({
  networkName: v.string(),
  interfaceName: v.string(),
  macAddress: v.string(),
  ipv4: v.exactOptional(Address),
  ipv6: v.exactOptional(Address),
  aliases: v.array(v.string()),
  links: v.optional(v.array(v.string()), () => []),
  dnsNames: v.array(v.string()),
  gatewayPriority: v.number(),
  isRoutedByDevice: v.exactOptional(v.literal(true)),
  linkLocal: v.exactOptional(v.array(v.string())),
  sysctls: v.exactOptional(
    v.array(
      v.object({
        protocol: v.picklist(['ipv4', 'ipv6', 'mpls']),
        kind: v.picklist(['conf', 'neigh']),
        parameter: v.string(),
        value: v.string(),
      }),
    ),
  ),
  foreign: v.exactOptional(
    v.object({
      sourceLink: v.exactOptional(v.string()),
      routes: v.exactOptional(v.array(v.object({ destination: v.string(), nextHop: v.string() }))),
      poolIds: v.exactOptional(mapOf(v.string())),
      isPublished: v.exactOptional(v.literal(true)),
    }),
  ),
  openPorts: v.exactOptional(
    v.array(v.object({ protocol: v.picklist(['tcp', 'udp', 'sctp']), containerPort: v.number() })),
  ),
  ports: v.array(
    v.object({
      protocol: v.picklist(['tcp', 'udp', 'sctp']),
      containerPort: v.number(),
      hostIp: v.string(),
      hostPort: v.number(),
    }),
  ),
});

/** An endpoint with what only this folder needs to know. */
export interface EndpointRecord extends Endpoint {
  readonly gatewayPriority: number;
  /** its default route leads to the link, not to a gateway */
  readonly isRoutedByDevice?: true;
  /** addresses for the network's own link, besides those that it has */
  readonly linkLocal?: readonly string[];
  /** the part that plugins have in it */
  readonly foreign?: {
    /** the plugin's own name of the link, empty for none */
    readonly sourceLink?: string;
    readonly routes?: readonly { readonly destination: string; readonly nextHop: string }[];
    /** address → pool of an IPAM plugin's it belongs to */
    readonly poolIds?: Readonly<Record<string, string>>;
    readonly isPublished?: true;
  };
  readonly sysctls?: readonly InterfaceSysctl[];
  /** of a routed network: what it publishes, at its own address */
  readonly openPorts?: readonly OpenPort[];
  /** carries the container's default route and published ports */
  readonly isGateway: boolean;
}

export class EndpointTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  list(): EndpointRecord[] {
    return this.#db
      .all('SELECT id, network_id, container_id, is_gateway, settings FROM endpoints')
      .map(decode);
  }

  /**
   * Writes new endpoints and changed ones, all or none.
   *
   * @param alongside what is written down in the same transaction
   */
  save(endpoints: readonly EndpointRecord[], alongside: () => void): void {
    this.#db.transaction(() => {
      alongside();
      for (const endpoint of endpoints) this.#saveOne(endpoint);
    });
  }

  /** @param alongside what is written down in the same transaction */
  delete(ids: readonly string[], alongside: () => void): void {
    this.#db.transaction(() => {
      alongside();
      for (const id of ids) this.#db.run('DELETE FROM endpoints WHERE id = ?', id);
    });
  }

  #saveOne(endpoint: EndpointRecord): void {
    this.#db.run(
      `INSERT INTO endpoints (id, network_id, container_id, ipv4, ipv6, is_gateway, settings)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET is_gateway = excluded.is_gateway, settings = excluded.settings`,
      endpoint.id,
      endpoint.networkId,
      endpoint.containerId,
      endpoint.ipv4?.address ?? null,
      endpoint.ipv6?.address ?? null,
      endpoint.isGateway ? 1 : 0,
      JSON.stringify(v.parse(Settings, endpoint)),
    );
  }
}

function decode(row: Row): EndpointRecord {
  return {
    // Only endpoints with an identifier of our making are ever inserted.
    id: String(row['id']) as EndpointId,
    networkId: String(row['network_id']) as EndpointRecord['networkId'],
    containerId: String(row['container_id']),
    isGateway: row['is_gateway'] === 1,
    ...v.parse(Settings, JSON.parse(String(row['settings']))),
  };
}
