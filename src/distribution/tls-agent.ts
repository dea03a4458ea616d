import https, { type AgentOptions } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions as ConnectionTlsOptions, TLSSocket } from 'node:tls';
import { abortError, throwIfAborted } from '#base/abortable';

/** What Node gives an agent when it wants a connection. */
type ConnectionOptions = Parameters<https.Agent['createConnection']>[0];
type OnConnection = Parameters<https.Agent['createConnection']>[1];

/** Connections for HTTPS, also through a proxy; new ones can be made that leave the protocol to the server. */
export class TlsAgent extends https.Agent {
  readonly #kept = new Map<string, TLSSocket[]>();
  readonly #options: AgentOptions;

  constructor(options: AgentOptions) {
    super(options);
    this.#options = options;
  }

  /** A connection that offers HTTP/2 and HTTP/1.1; `alpnProtocol` tells which it became. @throws as `tls.connect`, or when the signal fires. */
  async negotiate(url: URL, signal: AbortSignal): Promise<TLSSocket> {
    throwIfAborted(signal);
    const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
    let made: Duplex | null | undefined;
    const onAbort = (): void => {
      reject(abortError(signal));
      made?.destroy();
    };
    const use = (socket: Duplex): void => {
      made = socket;
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection was closed before there was an answer')));
      if (!(socket instanceof TLSSocket)) return; // to the proxy: the callback brings the one through it
      if (socket.alpnProtocol !== null) resolve(socket);
      else socket.once('secureConnect', () => resolve(socket));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const socket = super.createConnection(this.#optionsFor(url), (error, tunnel) => {
        if (error) reject(error);
        else if (signal.aborted) tunnel.destroy();
        else use(tunnel);
      });
      if (socket) use(socket);
      return await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Gives the next request a connection that is there already. */
  keep(url: URL, socket: TLSSocket): void {
    const key = keyOf(hostOf(url), portOf(url));
    const all = this.#kept.get(key) ?? [];
    this.#kept.set(key, [...all, socket]);
    socket.on('error', () => undefined); // one that nobody has taken yet
    socket.once('close', () => this.#forget(key, socket));
    socket.setTimeout(this.#options.timeout ?? 0, () => {
      if (this.#forget(key, socket)) socket.destroy();
    });
    socket.unref();
  }

  override createConnection(options: ConnectionOptions, callback?: OnConnection): Duplex | null | undefined {
    const { host, port } = options as { readonly host?: string; readonly port?: number | string };
    const key = keyOf(host ?? '', Number(port));
    for (const socket of this.#kept.get(key) ?? []) {
      this.#forget(key, socket);
      if (socket.destroyed) continue;
      socket.ref();
      return socket;
    }
    return super.createConnection(options, callback);
  }

  override destroy(): void {
    for (const socket of [...this.#kept.values()].flat()) socket.destroy();
    this.#kept.clear();
    super.destroy();
  }

  #optionsFor(url: URL): ConnectionOptions & ConnectionTlsOptions {
    const host = hostOf(url);
    return {
      ...this.#options,
      host,
      port: portOf(url),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ['h2', 'http/1.1'],
    };
  }

  /** @returns whether nobody had taken it. */
  #forget(key: string, socket: TLSSocket): boolean {
    const all = this.#kept.get(key) ?? [];
    const rest = all.filter(one => one !== socket);
    if (rest.length > 0) this.#kept.set(key, rest);
    else this.#kept.delete(key);
    return rest.length < all.length;
  }
}

/** The name or address, without the brackets of one of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function portOf(url: URL): number {
  return Number(url.port || 443);
}

function keyOf(host: string, port: number): string {
  return `${host} ${port}`;
}
