import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connectSocket, type InetPeer, sendDatagram } from '#sys/inet-socket';
import { inNetns } from '#sys/netns';
import { ipBytes, parseIp } from '../ip-address.ts';
import type { UpstreamServer } from './dns-orders.ts';

export type Transport = 'udp' | 'tcp';

/** One question to one server. */
export interface Exchange {
  readonly server: UpstreamServer;
  /** open descriptor of the network name space to ask from; absent: the host's */
  readonly netns?: number;
  readonly packet: Buffer;
  /** Called for each packet that comes. @returns whether it was the answer */
  readonly onPacket: (packet: Buffer) => boolean;
  /** The server cannot be reached, or ended the connection. */
  readonly onFailure: () => void;
}

const DNS_PORT = 53;
const LENGTH_BYTES = 2;

/** Asks. Nothing is called any more once it is disposed, and never before this returns. */
export function exchange(transport: Transport, options: Exchange): Disposable {
  try {
    const peer = peerOf(options.server);
    const open = (): number => connectSocket(transport, peer);
    const fd = options.netns === undefined ? open() : inNetns(options.netns, open);
    return transport === 'udp' ? exchangeUdp(fd, options) : exchangeTcp(fd, options);
  } catch {
    const timer = setImmediate(options.onFailure);
    return { [Symbol.dispose]: () => clearImmediate(timer) };
  }
}

/** The socket is connected: the kernel drops what others send to it, and reports what the server's host refuses. */
function exchangeUdp(fd: number, { packet, onPacket, onFailure }: Exchange): Disposable {
  const socket = createSocket('udp4'); // the descriptor decides on the family
  let isOpen = true;
  socket.on('message', message => void onPacket(message));
  socket.on('error', () => {
    if (isOpen) onFailure();
  });
  const close = (): void => {
    if (isOpen) socket.close();
    isOpen = false;
  };
  socket.bind({ fd });
  try {
    sendDatagram(fd, packet);
  } catch (error) {
    close();
    throw error;
  }
  return { [Symbol.dispose]: close };
}

function exchangeTcp(fd: number, { packet, onPacket, onFailure }: Exchange): Disposable {
  const socket = new Socket({ fd, readable: true, writable: true });
  socket.on('error', () => socket.destroy());
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(packet.length);
  socket.write(Buffer.concat([length, packet]));
  let isOpen = true;
  void (async () => {
    const answer = await readFrame(socket).catch(() => undefined);
    if (!isOpen) return;
    if (!answer || !onPacket(answer)) onFailure();
  })();
  return {
    [Symbol.dispose]: () => {
      isOpen = false;
      socket.destroy();
    },
  };
}

/** The first message of a connection: at most 65,535 bytes, as its length says. */
async function readFrame(socket: Socket): Promise<Buffer | undefined> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    // A socket without encoding yields buffers only.
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length < LENGTH_BYTES) continue;
    const end = LENGTH_BYTES + received.readUInt16BE(0);
    if (received.length >= end) return received.subarray(LENGTH_BYTES, end);
  }
  return undefined;
}

function peerOf({ address, port = DNS_PORT }: UpstreamServer): InetPeer {
  const [plain = '', zone] = address.split('%');
  const ip = parseIp(plain);
  if (!ip) throw new RangeError(`"${address}" is no address`);
  const interfaceIndex = zone === undefined ? undefined : indexOf(zone);
  return { address: ipBytes(ip), port, ...(interfaceIndex !== undefined && { interfaceIndex }) };
}

function indexOf(zone: string): number | undefined {
  if (/^\d+$/.test(zone)) return Number(zone);
  return networkInterfaces()[zone]?.find(({ family }) => family === 'IPv6')?.scopeid;
}
