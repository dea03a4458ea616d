import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { isIPv6 } from 'node:net';

/** A question for Node's own resolver (c-ares), which reads answers with code of its own. */
export interface DnsQuestion {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'PTR' | 'TXT';
  /** address, and port unless that is 53 */
  readonly server: string;
}

/** @returns the answers in their order, or the code of the error */
export async function resolve({ name, type, server }: DnsQuestion): Promise<string> {
  const resolver = new Resolver({ timeout: 5_000, tries: 1 });
  resolver.setServers([isIPv6(server) ? `[${server}]` : server]);
  try {
    const records = type === 'PTR' ? await resolver.reverse(name) : await resolver.resolve(name, type);
    return (records as string[]).join(' ');
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** Sends packets to the engine's resolver one after the other, and counts answers until they are all there or none comes. */
export async function sendDatagrams(packets: readonly Uint8Array[]): Promise<string> {
  const socket = createSocket('udp4');
  const done = Promise.withResolvers<void>();
  let answers = 0;
  const calm = setTimeout(() => done.resolve(), 500);
  socket.on('message', () => {
    answers += 1;
    calm.refresh();
  });
  socket.on('error', () => undefined);
  await new Promise<void>(connected => socket.connect(53, '127.0.0.11', connected));
  for (const packet of packets) {
    await new Promise<void>(sent => socket.send(packet, () => sent()));
    calm.refresh();
  }
  await done.promise;
  socket.close();
  return String(answers);
}
