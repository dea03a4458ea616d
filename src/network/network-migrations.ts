import type { Migration } from '#store/database';

export const networkMigrations: readonly Migration[] = [
  {
    name: 'network/1-networks-endpoints',
    sql: `
      CREATE TABLE networks (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        driver TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        settings TEXT NOT NULL
      ) STRICT;
      CREATE TABLE endpoints (
        id TEXT PRIMARY KEY,
        network_id TEXT NOT NULL REFERENCES networks (id),
        container_id TEXT NOT NULL,
        ipv4 TEXT,
        ipv6 TEXT,
        is_gateway INTEGER NOT NULL,
        settings TEXT NOT NULL,
        UNIQUE (network_id, container_id),
        UNIQUE (network_id, ipv4),
        UNIQUE (network_id, ipv6)
      ) STRICT;
      CREATE INDEX endpoints_container ON endpoints (container_id)`,
  },
  {
    name: 'network/2-settings',
    sql: `
      CREATE TABLE network_settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
      ) STRICT`,
  },
  {
    name: 'network/3-owed-plugin-calls',
    sql: `
      CREATE TABLE owed_plugin_calls (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        plugin TEXT NOT NULL,
        capability TEXT NOT NULL,
        method TEXT NOT NULL,
        network_id TEXT NOT NULL,
        request TEXT NOT NULL
      ) STRICT`,
  },
];
