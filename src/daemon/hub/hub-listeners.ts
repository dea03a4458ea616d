import type { Server } from 'node:net';
import { codeOf, EngineError, messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { createHttpServer, type Edge, type HttpServer } from '#http/http-server';
import type { Route } from '#http/route';
import { type ListenAddress, urlOf } from './listen-address.ts';
import type { TlsFiles } from './tls-files.ts';

/** A connection on which nothing has moved for so long is cut; clients that are alive come again. */
const STALL_MS = 120_000;
/** Connections at a time, for each address: more would only be more memory of strangers. */
const MOST_CONNECTIONS = 4096;
/** Of each: tokens and cookies have a few, paths less. */
const MAX_HEAD_BYTES = 32 * 1024;

export interface HubListenerDeps {
  readonly addresses: readonly ListenAddress[];
  readonly tls: TlsFiles | undefined;
  readonly routes: readonly Route[];
  readonly edge: Edge;
  readonly logger: Logger;
}

/** The sockets on which one table of routes is served. */
export class HubListeners implements AsyncDisposable {
  readonly #servers: readonly HttpServer[];
  readonly #addresses: readonly ListenAddress[];

  constructor({ addresses, tls, ...served }: HubListenerDeps) {
    this.#addresses = addresses;
    this.#servers = addresses.map(() =>
      createHttpServer({
        ...served,
        stallMs: STALL_MS,
        maxHeadBytes: MAX_HEAD_BYTES,
        ...(tls ? { tls: secureContext(tls) } : {}),
      }),
    );
  }

  /** @throws {EngineError} `conflict` when an address is in use, `invalid` when it cannot be had at all. */
  async listen(): Promise<void> {
    for (const [index, address] of this.#addresses.entries()) {
      const server = this.#servers[index]?.server;
      if (server) await listen(server, address);
    }
  }

  /** Another certificate, for connections that begin from now on. */
  renewTls(tls: TlsFiles): void {
    for (const server of this.#servers) server.renewTls(secureContext(tls));
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(server => server.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function secureContext({ cert, key }: TlsFiles) {
  return { cert, key, minVersion: 'TLSv1.2' } as const;
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error): void => reject(cannotListen(address, error));
  server.maxConnections = MOST_CONNECTIONS;
  server.once('error', onError);
  server.listen(address.port, address.host, () => {
    server.off('error', onError);
    resolve();
  });
  return promise;
}

function cannotListen(address: ListenAddress, error: Error): EngineError {
  const where = urlOf('http', address).slice('http://'.length);
  const reasons: Readonly<Record<string, string>> = {
    EACCES: `this user may not listen on ${where}: ports below 1024 need root, CAP_NET_BIND_SERVICE, or a higher port with --listen`,
    EADDRNOTAVAIL: `this host has no address ${address.host} to listen on: see ip address`,
    EADDRINUSE: `another program already listens on ${where}: stop it (ss -ltnp says which it is), or choose another address with --listen`,
  };
  const code = codeOf(error) ?? '';
  const message = reasons[code] ?? `cannot listen on ${where}: ${messageOf(error)}`;
  return new EngineError(code === 'EADDRINUSE' ? 'conflict' : 'invalid', message, { cause: error });
}
