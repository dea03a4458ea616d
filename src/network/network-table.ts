import * as v from 'valibot';
import type { NetworkId } from '#base/ids';
import { mapOf } from '#spec/docker/lenient';
import type { Database, Row } from '#store/database';
import type { Network } from './network.ts';

const Pool = v.object({
  subnet: v.string(),
  ipRange: v.exactOptional(v.string()),
  gateway: v.exactOptional(v.string()),
  auxAddresses: v.exactOptional(mapOf(v.string())),
  poolId: v.exactOptional(v.string()),
});

const Settings = v.object({
  isInternal: v.boolean(),
  isAttachable: v.boolean(),
  // absent in rows of the first release
  isConfigOnly: v.optional(v.boolean(), false),
  configFrom: v.optional(v.string(), ''),
  hasIpv4: v.boolean(),
  hasIpv6: v.boolean(),
  hasChosenSubnets: v.boolean(),
  ipam: v.object({
    driver: v.string(),
    options: mapOf(v.string()),
    pools: v.array(Pool),
  }),
  options: mapOf(v.string()),
  labels: mapOf(v.string()),
});

/** A network with what only this folder needs to know. */
export interface NetworkRecord extends Network {
  /** the user gave the subnets: only then may containers ask for addresses */
  readonly hasChosenSubnets: boolean;
}

export class NetworkTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  list(): NetworkRecord[] {
    return this.#db
      .all('SELECT id, name, driver, created_at, settings FROM networks ORDER BY created_at, name')
      .map(decode);
  }

  insert(network: NetworkRecord): void {
    this.#db.run(
      'INSERT INTO networks (id, name, driver, created_at, settings) VALUES (?, ?, ?, ?, ?)',
      network.id,
      network.name,
      network.driver,
      network.createdAt,
      encode(network),
    );
  }

  update(network: NetworkRecord): void {
    this.#db.run('UPDATE networks SET settings = ? WHERE id = ?', encode(network), network.id);
  }

  /** @param alongside what is written down in the same transaction */
  delete(id: string, alongside: () => void): void {
    this.#db.transaction(() => {
      alongside();
      this.#db.run('DELETE FROM networks WHERE id = ?', id);
    });
  }
}

function encode(network: NetworkRecord): string {
  return JSON.stringify(v.parse(Settings, network));
}

function decode(row: Row): NetworkRecord {
  return {
    // Only networks with an identifier of our making are ever inserted.
    id: String(row['id']) as NetworkId,
    name: String(row['name']),
    driver: String(row['driver']),
    createdAt: Number(row['created_at']),
    scope: 'local',
    ...v.parse(Settings, JSON.parse(String(row['settings']))),
  };
}
