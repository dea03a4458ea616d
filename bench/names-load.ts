import { createSocket, type Socket } from 'node:dgram';
import { queryFor } from '#network/dns/fake-query';
import { reservePort } from '#sys/inet-socket';
import { inNetns } from '#sys/netns';

/**
 * Asks name servers for a name, always so many questions at a time, and prints what came of it as JSON.
 * `names-load.ts NAME SECONDS AT_A_TIME SERVER NETNS…`: each question from the next of these name spaces.
 */
const [name = '', seconds = '3', atATime = '16', server = '127.0.0.11', ...sandboxes] = process.argv.slice(2);
const QUERY_ID_BYTES = 2;
const LOST_AFTER_MS = 1_000;
const DNS_PORT = 53;
const ANYWHERE = Buffer.alloc(4);

const begun = new Float64Array(0x10000);
const latencies: number[] = [];
let next = 0;
let lastAnswer = performance.now();
let failures = 0;

const sockets = sandboxes.map(opened);

function opened(netns: string): Socket {
  const fd = inNetns(netns, () => reservePort({ protocol: 'udp', address: ANYWHERE, port: 0 }));
  const socket = createSocket('udp4', hear);
  socket.bind({ fd });
  return socket;
}

function ask(): void {
  const packet = queryFor(name, { id: next });
  begun[next] = performance.now();
  sockets[next % sockets.length]?.send(packet, DNS_PORT, server);
  next = (next + 1) & 0xffff;
}

function hear(message: Buffer): void {
  if (message.length < QUERY_ID_BYTES) return;
  lastAnswer = performance.now();
  latencies.push(lastAnswer - (begun[message.readUInt16BE(0)] ?? lastAnswer));
  if (((message[3] ?? 0) & 0xf) !== 0 || message.readUInt16BE(6) === 0) failures += 1;
  ask();
}

const start = performance.now();
for (let count = 0; count < Number(atATime); count += 1) ask();
const revive = setInterval(() => {
  if (performance.now() - lastAnswer > LOST_AFTER_MS) ask();
}, LOST_AFTER_MS);
setTimeout(() => {
  clearInterval(revive);
  for (const socket of sockets) socket.close();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;
  const perSecond = (latencies.length * 1_000) / (performance.now() - start);
  process.stdout.write(
    JSON.stringify({ answers: latencies.length, perSecond, p50: at(0.5), p99: at(0.99), failures }),
  );
}, Number(seconds) * 1_000);
