import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { PATIENCE_MS } from '../../support/until.ts';
import { becomeHost, eventually, NetworkFixture, port, sh, TABLE, whyNot } from './network-fixture.ts';
import { ask, serve } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const owner = ({ id, name }: { id: string; name: string }) => ({
  containerId: id,
  containerName: name,
  hostname: name,
});
const local = (hostPort: number): Promise<string> =>
  ask({ protocol: 'tcp', address: '127.0.0.1', port: hostPort });

test('ports of a running container open and close; what stays is not disturbed', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.86.1');
  const web = await fixture.run('web', { ports: [port(80, 8080), port(80, 8081)] });
  await web.station.serve('web', 80);
  await web.station.serve('more', 81);
  await fixture.service.setPorts(owner(web), [port(80, 8080), port(81, 8082)]);
  assert.deepEqual(
    fixture.service
      .gatewayOf(web.id)
      ?.ports.map(({ hostIp, hostPort, containerPort }) => [hostIp, hostPort, containerPort]),
    [
      ['0.0.0.0', 8080, 80],
      ['::', 8080, 80],
      ['0.0.0.0', 8082, 81],
      ['::', 8082, 81],
    ],
  );
  assert.equal(await lan.ask('10.86.1.1', 8080), 'web 10.86.1.2');
  assert.equal(await lan.ask('10.86.1.1', 8082), 'more 10.86.1.2');
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: 8082 }), 'more 172.17.0.1');
  assert.equal(await lan.ask('10.86.1.1', 8081), 'refused');
  const close = await serve('host', 8081, 'tcp');
  assert.equal(await local(8081), 'host 127.0.0.1', 'the port is free for others');
  close();

  await fixture.service.setPorts(owner(web), [port(81, 8080), port(80, 8082)]);
  assert.equal(await lan.ask('10.86.1.1', 8080), 'more 10.86.1.2', 'a port can lead elsewhere');
  assert.equal(await local(8082), 'web 172.17.0.1');
  await fixture.crashAndRestore(new Set([web.id]));
  assert.equal(await lan.ask('10.86.1.1', 8080), 'more 10.86.1.2');
  const rules = sh(`nft list table inet ${TABLE}`);
  await fixture.service.setPorts(owner(web), [port(81, 8080), port(80, 8082)]);
  assert.equal(sh(`nft list table inet ${TABLE}`), rules, 'a second time changes nothing');
  await fixture.service.setPorts(owner(web), []);
  assert.equal(await lan.ask('10.86.1.1', 8080), 'refused');
});

test('a change that cannot be had changes nothing', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await fixture.run('rival', { ports: [port(80, 8090)] });
  await web.station.serve('web', 80);
  const before = fixture.service.endpointsOf(web.id);
  await assert.rejects(fixture.service.setPorts(owner(web), [port(80, 8081), port(80, 8090)]), {
    kind: 'conflict',
    message: /already allocated by container rival/,
  });
  // 8080 would lead elsewhere, so it was given up first, and comes back.
  await assert.rejects(fixture.service.setPorts(owner(web), [port(81, 8080), port(80, 8090)]), {
    kind: 'conflict',
  });
  assert.deepEqual(fixture.service.endpointsOf(web.id), before);
  assert.equal(await local(8080), 'web 172.17.0.1');
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: 8080 }), 'web 172.17.0.1');
  assert.equal(await local(8081), 'refused');
});

test('connections through a port end when it is taken away, those through another go on', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const web = await fixture.run('web', { ports: [port(90, 8080), port(90, 8081)] });
  const script = "require('net').createServer(s => s.on('error', () => 0).pipe(s)).listen(90)";
  const pid = web.station.run(`${process.execPath} -e "${script}" >/dev/null 2>&1 & echo $!`).trim();
  const echoes = await Promise.all([8080, 8081].map(dial));
  const [kept, closed] = echoes;
  assert.ok(kept && closed);
  assert.deepEqual(await Promise.all(echoes.map(each => echo(each, 'one'))), ['one', 'one']);
  await fixture.service.setPorts(owner(web), [port(90, 8080)]);
  assert.equal(await echo(kept, 'two'), 'two');
  await eventually(async () => (await echo(closed, 'three', 300)) !== 'three', 'the connection is dead');
  for (const socket of echoes) socket.destroy();
  process.kill(Number(pid));
});

async function dial(hostPort: number): Promise<Socket> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port: hostPort });
    const isOpen = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (isOpen && (await echo(socket, 'x', 1000)) === 'x') return socket;
    assert.ok(Date.now() < deadline, 'the server answers');
    socket.destroy();
  }
}

/** What comes back within this time. */
async function echo(socket: Socket, word: string, limitMs = PATIENCE_MS): Promise<string> {
  const answer = Promise.withResolvers<string>();
  const timer = setTimeout(() => answer.resolve(''), limitMs);
  socket.once('data', data => answer.resolve(String(data)));
  socket.once('error', () => answer.resolve('error'));
  socket.write(word);
  try {
    return await answer.promise;
  } finally {
    clearTimeout(timer);
    socket.removeAllListeners('data');
  }
}
