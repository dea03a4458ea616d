import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { DNS_TYPE, type DnsQuery, encodeAnswer, parseQuery, RCODE } from '#network/dns/dns-message';
import { DOMAIN } from './mesh-settings.ts';

const DNS_PORT = 53;

/** Answers for the names of the mesh at one address of this host: all addresses of a name, in another order each time. */
export class NameServer implements Disposable {
  readonly #socket: Socket = createSocket('udp4');
  readonly #addressesOf: (name: string) => readonly string[] | undefined;

  constructor(addressesOf: (name: string) => readonly string[] | undefined) {
    this.#addressesOf = addressesOf;
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (packet, { address, port }) => {
      const parsed = parseQuery(packet);
      if (parsed.kind === 'ignored') return;
      const answer = parsed.kind === 'refused' ? parsed.answer : this.#answer(parsed.query);
      this.#socket.send(answer, port, address, () => undefined);
    });
  }

  async open(address: string): Promise<void> {
    this.#socket.bind(DNS_PORT, address);
    await once(this.#socket, 'listening');
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #answer(query: DnsQuery): Buffer {
    const suffix = `.${DOMAIN}`;
    if (!query.name.endsWith(suffix)) return encodeAnswer(query, { rcode: RCODE.refused, records: [] }, 512);
    const addresses = this.#addressesOf(query.name.slice(0, -suffix.length)) ?? [];
    const rcode = addresses.length > 0 ? RCODE.noError : RCODE.nameError;
    const shuffled = addresses.map(each => ({ each, at: Math.random() })).toSorted((a, b) => a.at - b.at);
    const records =
      query.type === DNS_TYPE.A
        ? shuffled.map(({ each }) => ({ type: DNS_TYPE.A, data: Buffer.from(each.split('.').map(Number)) }))
        : [];
    return encodeAnswer(query, { rcode, records }, query.udpBytes);
  }
}
