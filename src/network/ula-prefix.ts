import { randomBytes } from 'node:crypto';
import type { Database } from '#store/database';
import { formatSubnet, ipFromBytes } from './ip-address.ts';

const NAME = 'ula-prefix';
const PREFIX_LENGTH = 48;

/**
 * The range that IPv6 networks of this engine are cut from: a /48 of unique local addresses (RFC 4193), drawn at random
 * once, so that no other engine and no VPN has it.
 */
export function ulaPrefix(db: Database): string {
  const [row] = db.all('SELECT value FROM network_settings WHERE name = ?', NAME);
  if (row) return String(row['value']);
  const address = Buffer.concat([Buffer.from([0xfd]), randomBytes(5), Buffer.alloc(10)]);
  const prefix = formatSubnet({ ...ipFromBytes(address), prefixLength: PREFIX_LENGTH });
  db.run('INSERT INTO network_settings (name, value) VALUES (?, ?)', NAME, prefix);
  return prefix;
}
