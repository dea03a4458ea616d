import type { Database, Row } from '#store/database';

/** A call that a plugin must get, whatever happens in between. */
export interface OwedCall {
  readonly plugin: string;
  readonly capability: string;
  readonly method: string;
  readonly networkId: string;
  readonly request: object;
}

export interface OwedCallRecord extends Omit<OwedCall, 'request'> {
  readonly id: number;
  readonly request: unknown;
}

/** In the order in which they came to be owed. */
export class OwedCallTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  plugins(): string[] {
    return this.#db.all('SELECT DISTINCT plugin FROM owed_plugin_calls').map(row => String(row['plugin']));
  }

  of(plugin: string): OwedCallRecord[] {
    return this.#db
      .all(
        'SELECT id, plugin, capability, method, network_id, request FROM owed_plugin_calls WHERE plugin = ? ORDER BY id',
        plugin,
      )
      .map(decode);
  }

  /** @param instead those that go in the same transaction @returns the new ones' numbers. */
  insert(calls: readonly OwedCall[], instead: readonly number[] = []): number[] {
    return this.#db.transaction(() => {
      for (const id of instead) this.delete(id);
      return calls.map(call => this.#insertOne(call));
    });
  }

  #insertOne({ plugin, capability, method, networkId, request }: OwedCall): number {
    const row = this.#db.get(
      'INSERT INTO owed_plugin_calls (plugin, capability, method, network_id, request) VALUES (?, ?, ?, ?, ?) RETURNING id',
      plugin,
      capability,
      method,
      networkId,
      JSON.stringify(request),
    );
    return Number(row?.['id']);
  }

  delete(id: number): void {
    this.#db.run('DELETE FROM owed_plugin_calls WHERE id = ?', id);
  }

  deleteOfNetwork(networkId: string, capability: string): void {
    this.#db.run(
      'DELETE FROM owed_plugin_calls WHERE network_id = ? AND capability = ?',
      networkId,
      capability,
    );
  }
}

function decode(row: Row): OwedCallRecord {
  return {
    id: Number(row['id']),
    plugin: String(row['plugin']),
    capability: String(row['capability']),
    method: String(row['method']),
    networkId: String(row['network_id']),
    request: JSON.parse(String(row['request'])) as unknown,
  };
}
