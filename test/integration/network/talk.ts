import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6 } from 'node:net';
import { PATIENCE_MS } from '../../support/until.ts';

/** Small servers and clients that say who talked to them. */
export type Protocol = 'tcp' | 'udp';

export interface Question {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** how long an answer is waited for; where none is to come, much less than usual is enough */
  readonly timeoutMs?: number;
  /** UDP: address and port to send from */
  readonly from?: string;
  readonly fromPort?: number;
}

/** Everybody that {@link serve} in this thread heard from, `<name> <address>`. */
export const heard: string[] = [];

/** Answers each client with `<name> <the client's address>`. @returns closes it. */
export async function serve(name: string, port: number, protocol: Protocol): Promise<() => void> {
  const listening = Promise.withResolvers<void>();
  if (protocol === 'udp') {
    const socket = createSocket({ type: 'udp6', ipv6Only: false });
    socket.on('message', (_message, peer) => {
      heard.push(`${name} ${plain(peer.address)}`);
      socket.send(`${name} ${plain(peer.address)}`, peer.port, peer.address, () => undefined);
    });
    socket.once('error', listening.reject);
    socket.bind(port, '::', () => listening.resolve());
    await listening.promise;
    return () => socket.close();
  }
  const server = createServer(client => {
    heard.push(`${name} ${plain(client.remoteAddress ?? '')}`);
    client.on('error', () => client.destroy());
    client.end(`${name} ${plain(client.remoteAddress ?? '')}`);
  });
  server.once('error', listening.reject);
  server.listen(port, '::', () => listening.resolve());
  await listening.promise;
  return () => server.close();
}

/** What a server says, or `refused`, `unreachable`, `timeout`. */
export async function ask(question: Question): Promise<string> {
  return question.protocol === 'tcp' ? askTcp(question) : askUdp(question);
}

async function askTcp({ address, port, timeoutMs = PATIENCE_MS }: Question): Promise<string> {
  const answered = Promise.withResolvers<string>();
  const socket = connect({ host: address, port });
  const timer = setTimeout(() => answered.resolve('timeout'), timeoutMs);
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', chunk => {
    text += String(chunk);
  });
  socket.on('end', () => answered.resolve(text));
  socket.on('error', error => answered.resolve(outcomeOf(error)));
  try {
    return await answered.promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function askUdp({
  address,
  port,
  from,
  fromPort = 0,
  timeoutMs = PATIENCE_MS,
}: Question): Promise<string> {
  const answered = Promise.withResolvers<string>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  if (from !== undefined) socket.bind(fromPort, from);
  let timer: NodeJS.Timeout | undefined;
  const sent = (): void => {
    timer = setTimeout(() => answered.resolve('timeout'), timeoutMs);
  };
  socket.on('message', message => answered.resolve(message.toString()));
  socket.on('error', error => answered.resolve(outcomeOf(error)));
  socket.connect(port, address, () => socket.send('?', sent));
  try {
    return await answered.promise;
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

function outcomeOf(error: Error & { readonly code?: string }): string {
  if (error.code === 'ECONNREFUSED') return 'refused';
  return error.code === 'EHOSTUNREACH' || error.code === 'ENETUNREACH'
    ? 'unreachable'
    : (error.code ?? 'error');
}

function plain(address: string): string {
  return address.replace(/^::ffff:/, '');
}
