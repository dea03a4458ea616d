import { createSocket } from 'node:dgram';
import { queryFor } from '#network/dns/fake-query';

/** Asks 127.0.0.11 for a name, always so many questions at a time, and prints what came of it as JSON. Run in a sandbox. */
const [name = '', seconds = '3', atATime = '16'] = process.argv.slice(2);
const QUERY_ID_BYTES = 2;
const LOST_AFTER_MS = 1_000;

const socket = createSocket('udp4');
const begun = new Float64Array(0x10000);
const latencies: number[] = [];
let next = 0;
let lastAnswer = performance.now();

function ask(): void {
  const packet = queryFor(name, { id: next });
  begun[next] = performance.now();
  next = (next + 1) & 0xffff;
  socket.send(packet);
}

socket.on('message', message => {
  if (message.length < QUERY_ID_BYTES) return;
  lastAnswer = performance.now();
  latencies.push(lastAnswer - (begun[message.readUInt16BE(0)] ?? lastAnswer));
  ask();
});
socket.connect(53, '127.0.0.11', () => {
  const start = performance.now();
  for (let count = 0; count < Number(atATime); count += 1) ask();
  const revive = setInterval(() => {
    if (performance.now() - lastAnswer > LOST_AFTER_MS) ask();
  }, LOST_AFTER_MS);
  setTimeout(() => {
    clearInterval(revive);
    socket.close();
    const sorted = latencies.toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0;
    const perSecond = (latencies.length * 1_000) / (performance.now() - start);
    process.stdout.write(
      JSON.stringify({ answers: latencies.length, perSecond, p50: at(0.5), p99: at(0.99) }),
    );
  }, Number(seconds) * 1_000);
});
