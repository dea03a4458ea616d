import { DNS_TYPE, encodeAnswer, parseQuery, RCODE, truncatedAnswer } from '#network/dns/dns-message';
import { DnsServer } from '#network/dns/dns-server';
import { openDnsSockets } from '#network/dns/sandbox-sockets';
import { sh } from './network-fixture.ts';

const MANY = 300;

/**
 * A name server on an address of this host: `*.test` is 192.0.2.1, `many.test` 300 addresses (cut by UDP), `silent.test`
 * never answered, `failing.test` a failure, everything else unknown.
 */
export class FakeUpstream implements Disposable {
  /** `<transport> <name>` of each question, in order */
  readonly asked: string[] = [];
  readonly ports = new Set<number>();
  readonly address: string;
  readonly #server: DnsServer;

  constructor(address: string) {
    this.address = address;
    sh(`ip addr add ${address}/32 dev lo`);
    const bytes = Buffer.from(address.split('.').map(Number));
    this.#server = new DnsServer(openDnsSockets(bytes, 53), (packet, transport) => {
      const parsed = parseQuery(packet);
      if (parsed.kind !== 'query') return undefined;
      const { query } = parsed;
      this.asked.push(`${transport} ${query.name}`);
      if (query.name === 'silent.test') return undefined;
      if (query.name === 'failing.test') {
        return encodeAnswer(query, { rcode: RCODE.serverFailure, records: [] }, 512);
      }
      if (!query.name.endsWith('.test'))
        return encodeAnswer(query, { rcode: RCODE.nameError, records: [] }, 512);
      if (query.name === 'many.test' && transport === 'udp') return truncatedAnswer(query);
      const count = query.name === 'many.test' ? MANY : 1;
      const records = Array.from({ length: count }, (_, index) => ({
        type: DNS_TYPE.A,
        data: Buffer.from([192, 0, 2 + (index >> 8), (index + 1) & 0xff]),
      }));
      return encodeAnswer(query, { rcode: RCODE.noError, records, ttlSeconds: 60 }, 65_535);
    });
  }

  [Symbol.dispose](): void {
    this.#server[Symbol.dispose]();
    sh(`ip addr del ${this.address}/32 dev lo`);
  }
}
