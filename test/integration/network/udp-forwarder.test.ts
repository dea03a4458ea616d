import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { silentLogger } from '#base/logger';
import { forwardUdp } from '#network/port-forwarder';
import { reservePort } from '#sys/inet-socket';

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** UDP ports of this process and others on this host (proc_net_udp: the local address is the second column). */
function udpPorts(): number[] {
  const lines = readFileSync('/proc/net/udp', 'utf8').trim().split('\n').slice(1);
  return lines.map(line => Number.parseInt(line.trim().split(/\s+/)[1]?.split(':')[1] ?? '', 16));
}

test('a forwarder of UDP passes on what the container answers, and nothing that others send to its sockets', async () => {
  const [container, client, stranger] = await Promise.all([bound(), bound(), bound()]);
  const port = 40_000 + (process.pid % 20_000);
  const fd = reservePort({ protocol: 'udp', address: Buffer.from([127, 0, 0, 1]), port, isDualStack: false });
  const target = { address: '127.0.0.1', port: container.address().port };
  using _forwarder = forwardUdp(fd, target, { isIpv6: false, logger: silentLogger });
  try {
    const known = new Set(udpPorts());
    client.send('question', port, '127.0.0.1');
    const [, from] = (await once(container, 'message')) as [Buffer, { port: number }];
    const opened = udpPorts().filter(each => !known.has(each));
    assert.ok(opened.includes(from.port));
    for (const each of opened) stranger.send('forged', each, '127.0.0.1');
    await new Promise(resolve => stranger.send('done', stranger.address().port, '127.0.0.1', resolve));
    container.send('answer', from.port, '127.0.0.1');
    const [answer] = (await once(client, 'message')) as [Buffer];
    assert.equal(answer.toString(), 'answer');
  } finally {
    for (const socket of [container, client, stranger]) socket.close();
  }
});
