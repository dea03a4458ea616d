import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Server, type Socket } from 'node:net';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';

export interface ForwardTarget {
  readonly address: string;
  readonly port: number;
}

/** Passes on what arrives at a reserved port and the kernel did not rewrite. Dispose it to close the port. */
export interface PortForwarder extends Disposable {
  /** Where new connections go from now on. */
  retarget(target: ForwardTarget): void;
}

/** A client that sends nothing for this long is forgotten (Docker's proxy: 90 s). */
const UDP_IDLE_MS = 90_000;
/** Clients of one UDP port at a time; more are not served until one is forgotten. */
const UDP_CLIENTS_MAX = 4_096;
/** Connections of one TCP port that the engine passes on at a time; more are closed at once. */
const TCP_CONNECTIONS_MAX = 4_096;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Forwards TCP. The kernel rewrites what it can before it gets here; what is left is IPv6 for a container without
 * it, `::1`, which cannot be routed, and the moment after somebody flushed the rules.
 *
 * @param fd a bound and listening socket; taken over.
 */
export function forwardTcp(fd: number, target: ForwardTarget, logger: Logger): PortForwarder {
  let current = target;
  const open = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, client => {
    const container = connect({
      host: current.address,
      port: current.port,
      allowHalfOpen: true,
      timeout: CONNECT_TIMEOUT_MS,
    });
    container.once('connect', () => container.setTimeout(0));
    container.once('timeout', () => container.destroy());
    for (const [socket, other] of [
      [client, container],
      [container, client],
    ] as const) {
      open.add(socket);
      socket.once('close', hadError => {
        open.delete(socket);
        if (hadError) other.destroy();
        else other.end(); // what it was given before still goes out
      });
      socket.on('error', () => other.destroy());
      socket.pipe(other);
    }
  });
  server.maxConnections = TCP_CONNECTIONS_MAX;
  server.on('error', error => logger.warn('published port stopped', { error: messageOf(error) }));
  server.listen({ fd });
  server.unref();
  return {
    retarget: next => {
      current = next;
    },
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

interface UdpClient {
  readonly socket: DatagramSocket;
  readonly timer: NodeJS.Timeout;
}

/** Forwards UDP, one socket per client so that answers find their way. @param fd a bound socket; taken over. */
export function forwardUdp(
  fd: number,
  target: ForwardTarget,
  options: { readonly isIpv6: boolean; readonly logger: Logger },
): PortForwarder {
  let current = target;
  const clients = new Map<string, UdpClient>();
  const server = createSocket(options.isIpv6 ? 'udp6' : 'udp4');
  const forget = (key: string): void => {
    const client = clients.get(key);
    if (!client) return;
    clients.delete(key);
    clearTimeout(client.timer);
    client.socket.close();
  };
  const admit = (key: string, address: string, port: number): UdpClient => {
    const asked = current;
    const socket = createSocket(isIPv6(asked.address) ? 'udp6' : 'udp4');
    socket.on('message', (answer, from) => {
      // Its port is open to everybody: only the container may answer.
      const isAnswer = from.port === asked.port && from.address === asked.address;
      if (isAnswer) server.send(answer, port, address, () => undefined);
    });
    socket.on('error', () => forget(key));
    const client = { socket, timer: setTimeout(() => forget(key), UDP_IDLE_MS).unref() };
    clients.set(key, client);
    return client;
  };
  server.on('message', (message, { address, port }) => {
    const key = `${address} ${port}`;
    const client =
      clients.get(key) ?? (clients.size < UDP_CLIENTS_MAX ? admit(key, address, port) : undefined);
    client?.timer.refresh();
    client?.socket.send(message, current.port, current.address, () => undefined);
  });
  server.on('error', error => options.logger.warn('published port stopped', { error: messageOf(error) }));
  server.bind({ fd });
  server.unref();
  return {
    retarget: next => {
      current = next;
      for (const key of clients.keys()) forget(key);
    },
    [Symbol.dispose]: () => {
      for (const key of clients.keys()) forget(key);
      server.close();
    },
  };
}
