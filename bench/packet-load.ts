import { createSocket } from 'node:dgram';
import { readSync, writeSync } from 'node:fs';
import { reservePort, sendDatagram } from '#sys/inet-socket';

/**
 * One end of a UDP connection, in the name space it runs in: `packet-load.ts ask ADDRESS PORT`, or `packet-load.ts answer PORT`. Both
 * say `ready` when packets went both ways, and then send as many as they can for each byte that is read from the standard input, and
 * print the nanoseconds that one took when nothing came in between. Whoever waits does not read, so the other pays for the way alone.
 */
const [role = '', first = '', second = ''] = process.argv.slice(2);
const ANYWHERE = Buffer.alloc(4);
const PACKET = Buffer.alloc(64, 'x');
const ROUNDS = 400;
const PACKETS_PER_ROUND = 200;
/** Of all rounds those in which nothing else ran, and the first that did not. */
const QUIET_SHARE = 0.05;
/** A connection is one for the kernel once it has been answered. */
const EXCHANGES = 3;
const STDIN = 0;
const STDOUT = 1;

const fd = reservePort({ protocol: 'udp', address: ANYWHERE, port: role === 'ask' ? 0 : Number(first) });
const socket = createSocket('udp4');
let heard = 0;
socket.on('message', (_packet, peer) => {
  heard += 1;
  if (role === 'ask') {
    if (heard < EXCHANGES) sendDatagram(fd, PACKET);
    else obey();
  } else if (heard === 1) {
    socket.connect(peer.port, peer.address, () => sendDatagram(fd, PACKET));
  } else {
    sendDatagram(fd, PACKET);
    if (heard === EXCHANGES) obey();
  }
});
socket.bind({ fd });
if (role === 'ask') socket.connect(Number(second), first, () => sendDatagram(fd, PACKET));
else say('up');

function obey(): void {
  say('ready');
  while (readSync(STDIN, Buffer.alloc(1)) > 0) say(String(nanosecondsPerPacket()));
  process.exit();
}

function nanosecondsPerPacket(): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begun = process.hrtime.bigint();
    for (let count = 0; count < PACKETS_PER_ROUND; count += 1) sendDatagram(fd, PACKET);
    rounds.push(Number(process.hrtime.bigint() - begun) / PACKETS_PER_ROUND);
  }
  rounds.sort((a, b) => a - b);
  return rounds[Math.floor(ROUNDS * QUIET_SHARE)] ?? 0;
}

function say(word: string): void {
  writeSync(STDOUT, `${word}\n`);
}
