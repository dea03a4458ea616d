import { DNS_TYPE, type DnsAnswer, type DnsQuery, type DnsRecord, encodeName, RCODE } from './dns-message.ts';
import type { Finding } from './name-book.ts';

/** Containers come and go: what is remembered longer leads to where nobody is any more (Docker says 600). */
const TTL_SECONDS = 10;

/** Where each answer with several addresses starts, so that all of them get their turn. */
let turn = 0;

/** What to answer from our own knowledge; undefined when others have to be asked. */
export function localAnswer({ type }: DnsQuery, finding: Finding): DnsAnswer | undefined {
  switch (finding.kind) {
    case 'foreign':
      return undefined;
    case 'nothing':
      return { rcode: RCODE.nameError, records: [] };
    case 'names':
      return {
        rcode: RCODE.noError,
        records: finding.names.flatMap(pointerTo),
        ttlSeconds: TTL_SECONDS,
      };
    case 'addresses':
      // A name without an address of the family that was asked for exists all the same: no records, and no error.
      return {
        rcode: RCODE.noError,
        records: rotated(finding.addresses.flatMap(address => addressRecord(type, address))),
        ttlSeconds: TTL_SECONDS,
      };
  }
}

function addressRecord(asked: number, address: Buffer): DnsRecord[] {
  const type = address.length === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA;
  return asked === type || asked === DNS_TYPE.ANY ? [{ type, data: address }] : [];
}

/** Names that containers have need not be names of the DNS: those lead nowhere. */
function pointerTo(name: string): DnsRecord[] {
  try {
    return [{ type: DNS_TYPE.PTR, data: encodeName(name) }];
  } catch (error) {
    if (error instanceof RangeError) return [];
    throw error;
  }
}

function rotated(records: readonly DnsRecord[]): readonly DnsRecord[] {
  if (records.length < 2) return records;
  turn = (turn + 1) % 0x10000;
  const start = turn % records.length;
  return [...records.slice(start), ...records.slice(0, start)];
}
