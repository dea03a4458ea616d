import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { QUERY_BYTES_MAX } from './dns-message.ts';
import type { Transport } from './upstream-exchange.ts';

/** @returns the answer, undefined for none */
export type Answerer = (
  packet: Buffer,
  transport: Transport,
) => Buffer | Promise<Buffer | undefined> | undefined;

const CONNECTIONS_MAX = 64;
const IDLE_MS = 10_000;
const LENGTH_BYTES = 2;

/** Serves DNS on two bound sockets, which it takes over: one for UDP, one for TCP. */
export class DnsServer implements Disposable {
  readonly #udp: DatagramSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #answer: Answerer;
  #isOpen = true;

  constructor(fds: { readonly udp: number; readonly tcp: number }, answer: Answerer) {
    this.#answer = answer;
    this.#udp = createSocket('udp4'); // the descriptor decides on the family
    this.#udp.on('message', (packet, { port, address }) => this.#onDatagram(packet, port, address));
    this.#udp.on('error', () => undefined); // an answer that could not be sent is lost, as any datagram may be
    this.#udp.bind({ fd: fds.udp });
    this.#tcp = createServer({ allowHalfOpen: true }, socket => this.#onConnection(socket));
    this.#tcp.maxConnections = CONNECTIONS_MAX;
    this.#tcp.on('error', () => undefined);
    this.#tcp.listen({ fd: fds.tcp });
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#udp.close();
    this.#tcp.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #onDatagram(packet: Buffer, port: number, address: string): void {
    const answer = this.#answer(packet, 'udp');
    if (answer instanceof Promise) {
      void answer.then(later => {
        if (later && this.#isOpen) this.#udp.send(later, port, address, () => undefined);
      });
    } else if (answer) this.#udp.send(answer, port, address, () => undefined);
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    this.#converse(socket).then(
      () => socket.end(),
      () => socket.destroy(), // it went away in the middle
    );
  }

  /** One question after the other: who asks faster waits. */
  async #converse(socket: Socket): Promise<void> {
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      // A socket without encoding yields buffers only.
      received = Buffer.concat([received, chunk as Buffer]);
      while (received.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + received.readUInt16BE(0);
        if (end > LENGTH_BYTES + QUERY_BYTES_MAX) return;
        if (received.length < end) break;
        const answer = await this.#answer(received.subarray(LENGTH_BYTES, end), 'tcp');
        if (!answer) return;
        await write(socket, answer);
        received = received.subarray(end);
      }
    }
  }
}

async function write(socket: Socket, message: Buffer): Promise<void> {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(message.length);
  const written = Promise.withResolvers<void>();
  socket.write(Buffer.concat([length, message]), error =>
    error ? written.reject(error) : written.resolve(),
  );
  await written.promise;
}
