import { randomBytes } from 'node:crypto';
import { answers, type DnsQuery, RCODE, rcodeOf } from './dns-message.ts';
import type { UpstreamServer } from './dns-orders.ts';
import type { Exchange, Transport } from './upstream-exchange.ts';

/** On whose behalf is asked. */
export interface ForwardClient {
  readonly upstreams: readonly UpstreamServer[];
  /** open descriptor of its network name space */
  readonly netns: number;
  /** questions under way: disposed when the client goes */
  readonly pending: Set<Disposable>;
}

export interface ForwarderDeps {
  readonly exchange: (transport: Transport, options: Exchange) => Disposable;
}

/** As resolv.conf(5): more servers are not asked. */
const SERVERS_MAX = 3;
/** Without an answer for this long the next server is asked, too. */
const PATIENCE_MS = 1_200;
/** A server that was silent is asked last for this long. */
const SILENCE_MS = 30_000;
const SILENT_MAX = 1_000;
/** Before the client itself gives up, which the C library does after 5 s. */
const LIMIT_MS = 4_500;
/** Questions under way for one container, and for all. */
const PENDING_MAX = 256;
const PENDING_TOTAL_MAX = 2_048;
/** Servers that say so may know others that do better. */
const UNHELPFUL: ReadonlySet<number> = new Set([RCODE.serverFailure, RCODE.refused, RCODE.notImplemented]);

/**
 * Passes questions on to other servers, unchanged but for their number: each from a port and under a number that
 * nobody can guess, so that nobody else can answer.
 */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  /** servers that left a question without an answer, and when */
  readonly #silent = new Map<string, number>();
  #pendingTotal = 0;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  /** @returns an answer with the number of the question; undefined when no server gave one, or too much is under way. */
  async ask(query: DnsQuery, client: ForwardClient, transport: Transport): Promise<Buffer | undefined> {
    const servers = turnsOf(this.#silentLast(client.upstreams));
    if (servers.length === 0) return undefined;
    if (client.pending.size >= PENDING_MAX || this.#pendingTotal >= PENDING_TOTAL_MAX) return undefined;
    const inquiry = new Inquiry({
      ...this.#deps,
      query,
      client,
      transport,
      servers,
      onSilence: server => this.#noteSilence(server),
      onAnswer: server => this.#silent.delete(server.address),
    });
    client.pending.add(inquiry);
    this.#pendingTotal += 1;
    try {
      return await inquiry.answer;
    } finally {
      inquiry[Symbol.dispose]();
      client.pending.delete(inquiry);
      this.#pendingTotal -= 1;
    }
  }

  #silentLast(upstreams: readonly UpstreamServer[]): readonly UpstreamServer[] {
    if (this.#silent.size === 0 || upstreams.length < 2) return upstreams;
    const limit = Date.now() - SILENCE_MS;
    const isSilent = ({ address }: UpstreamServer): number =>
      Number((this.#silent.get(address) ?? Number.NEGATIVE_INFINITY) > limit);
    return upstreams.slice(0, SERVERS_MAX).toSorted((a, b) => isSilent(a) - isSilent(b));
  }

  #noteSilence({ address }: UpstreamServer): void {
    if (this.#silent.size >= SILENT_MAX) this.#silent.clear();
    this.#silent.set(address, Date.now());
  }
}

/** A lone server is asked twice, as a packet may be lost. */
function turnsOf(upstreams: readonly UpstreamServer[]): readonly UpstreamServer[] {
  const [only] = upstreams;
  return upstreams.length === 1 && only ? [only, only] : upstreams.slice(0, SERVERS_MAX);
}

interface InquiryOptions extends ForwarderDeps {
  readonly query: DnsQuery;
  readonly client: ForwardClient;
  readonly transport: Transport;
  readonly servers: readonly UpstreamServer[];
  readonly onSilence: (server: UpstreamServer) => void;
  readonly onAnswer: (server: UpstreamServer) => void;
}

/** One question to several servers, one after the other, each of which may still answer while the next is asked. */
class Inquiry implements Disposable {
  readonly #options: InquiryOptions;
  readonly #result = Promise.withResolvers<Buffer | undefined>();
  readonly #open = new DisposableStack();
  readonly #limit: NodeJS.Timeout;
  #patience: NodeJS.Timeout | undefined;
  #asked = 0;
  #failed = 0;
  /** what the first unhelpful server said */
  #unhelpful: Buffer | undefined;

  constructor(options: InquiryOptions) {
    this.#options = options;
    this.#limit = setTimeout(() => this.#result.resolve(this.#unhelpful), LIMIT_MS);
    this.#askNext();
  }

  get answer(): Promise<Buffer | undefined> {
    return this.#result.promise;
  }

  /** Without an answer so far there will be none. */
  [Symbol.dispose](): void {
    clearTimeout(this.#limit);
    clearTimeout(this.#patience);
    this.#open.dispose();
    this.#result.resolve(undefined);
  }

  #askNext(): void {
    const { query, client, transport, servers, exchange } = this.#options;
    const server = servers[this.#asked];
    clearTimeout(this.#patience);
    if (!server || this.#open.disposed) return;
    this.#asked += 1;
    this.#patience = setTimeout(() => {
      this.#options.onSilence(server);
      // The rest had their time: what one of them said is better than nothing later.
      if (this.#unhelpful && this.#asked === servers.length) this.#result.resolve(this.#unhelpful);
      this.#askNext();
    }, PATIENCE_MS);
    const id = randomBytes(2).readUInt16BE();
    this.#open.use(
      exchange(transport, {
        server,
        packet: numbered(query.packet, id),
        ...(server.isHostOnly ? {} : { netns: client.netns }),
        onPacket: packet => {
          const isAnswer = answers(packet, query, id);
          if (isAnswer) {
            this.#options.onAnswer(server);
            this.#hear(numbered(packet, query.id));
          }
          return isAnswer;
        },
        onFailure: () => this.#fail(),
      }),
    );
  }

  #hear(answer: Buffer): void {
    if (!UNHELPFUL.has(rcodeOf(answer))) return this.#result.resolve(answer);
    this.#unhelpful ??= answer;
    this.#fail();
  }

  #fail(): void {
    this.#failed += 1;
    if (this.#failed >= this.#options.servers.length) this.#result.resolve(this.#unhelpful);
    else if (this.#failed === this.#asked) this.#askNext();
  }
}

function numbered(packet: Buffer, id: number): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(id, 0);
  return copy;
}
