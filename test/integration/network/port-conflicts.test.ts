import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { becomeHost, NetworkFixture, port, sh, TABLE, whyNot } from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

test('a port that another container has is refused by its name, and nothing is half-made', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const first = await fixture.run('first', { ports: [port(80, 8080)] });
  const before = { rules: sh(`nft list table inet ${TABLE}`), links: sh('ip -o link') };

  await assert.rejects(fixture.run('second', { ports: [port(80, 8079), port(80, 8080)] }), {
    kind: 'conflict',
    message:
      /^driver failed programming external connectivity on endpoint second \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:8080 failed: port is already allocated by container first/,
  });

  assert.deepEqual({ rules: sh(`nft list table inet ${TABLE}`), links: sh('ip -o link') }, before);
  assert.equal(sh('ss -Hltn sport = :8079'), '', 'the port before it is free again');
  await fixture.stop(first);
  const third = await fixture.run('third', { ports: [port(80, 8080)] });
  assert.equal(third.ip, first.ip, 'the address went back, too');
});

test('a port that a program of the host has is refused with its process', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const server = createServer().listen(8085, '0.0.0.0');
  await once(server, 'listening');
  try {
    await assert.rejects(fixture.run('web', { ports: [port(80, 8085)] }), {
      kind: 'conflict',
      message: new RegExp(
        `failed to bind host port for 0\\.0\\.0\\.0:8085:172\\.17\\.0\\.2:80/tcp: address already in use: process ${process.pid} `,
      ),
    });
  } finally {
    server.close();
  }
});

test('a range without a free port is refused as a whole, with who has its ports', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  await fixture.run('first', { ports: [port(80, 8090), port(81, 8092), port(82, 8093), port(83, 8094)] });
  const server = createServer().listen(8091, '0.0.0.0');
  await once(server, 'listening');
  const range = (from: number, to: number) => port(80, from, { hostPortLast: to });
  try {
    await assert.rejects(fixture.run('second', { ports: [range(8090, 8094)] }), {
      kind: 'conflict',
      message: new RegExp(
        `endpoint second \\([0-9a-f]{64}\\): Bind for 0\\.0\\.0\\.0:8090-8094/tcp failed: all ports are allocated: 8090 by container first, 8091 by process ${process.pid} \\(.+\\), 8092 by container first, and 2 more: free one, or publish another range$`,
      ),
    });
    const third = await fixture.run('third', { ports: [range(8090, 8095)] });
    assert.equal(third.endpoints[0]?.ports[0]?.hostPort, 8095);
  } finally {
    server.close();
  }
});

test('an address that the host has not is refused', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  await assert.rejects(fixture.run('web', { ports: [port(80, 8085, { hostIp: '192.0.2.99' })] }), {
    kind: 'invalid',
    message: /192\.0\.2\.99:8085:172\.17\.0\.2:80\/tcp: cannot assign requested address/,
  });
  await assert.rejects(fixture.run('web2', { ports: [port(80, 8085, { hostIp: 'nonsense' })] }), {
    kind: 'invalid',
  });
});

test('nobody else can have a published port, and all can when it is released', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const web = await fixture.run('web', {
    ports: [port(80, 8080), port(80, 8080, { protocol: 'udp' }), port(81, 8081, { hostIp: '127.0.0.1' })],
  });
  const listen = async (number: number, host: string): Promise<string> => {
    const server = createServer();
    server.listen(number, host);
    const outcome = await once(server, 'listening').then(
      () => 'listening',
      (error: { readonly code?: string }) => error.code ?? 'unknown',
    );
    server.close();
    return outcome;
  };
  assert.equal(await listen(8080, '0.0.0.0'), 'EADDRINUSE');
  assert.equal(await listen(8080, '::'), 'EADDRINUSE');
  assert.equal(await listen(8081, '127.0.0.1'), 'EADDRINUSE');
  assert.equal(await listen(8081, '127.0.0.2'), 'listening');
  await fixture.stop(web);
  assert.equal(await listen(8080, '0.0.0.0'), 'listening');
  assert.equal(await listen(8081, '127.0.0.1'), 'listening');
});

test('ephemeral ports and ranges take what is free, the same for IPv4 and IPv6', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const any = { hostPortFirst: 0, hostPortLast: 0 };
  const one = await fixture.run('one', { ports: [port(80, 0, any)] });
  const [v4, v6] = one.endpoints[0]?.ports ?? [];
  assert.deepEqual([v4?.hostIp, v6?.hostIp], ['0.0.0.0', '::']);
  assert.equal(v4?.hostPort, v6?.hostPort);
  assert.ok((v4?.hostPort ?? 0) >= 32_768);
  await one.station.serve('one', 80);
  assert.equal(
    await ask({ protocol: 'tcp', address: '127.0.0.1', port: v4?.hostPort ?? 0 }),
    'one 172.17.0.1',
  );
  assert.equal(await ask({ protocol: 'tcp', address: '::1', port: v4?.hostPort ?? 0 }), 'one 172.17.0.1');

  const range = { hostPortFirst: 8090, hostPortLast: 8091 };
  const numbers: number[] = [];
  for (const name of ['a', 'b']) {
    const taken = await fixture.run(name, { ports: [port(80, 0, range)] });
    numbers.push(taken.endpoints[0]?.ports[0]?.hostPort ?? 0);
  }
  assert.deepEqual(numbers, [8090, 8091]);
  await assert.rejects(fixture.run('c', { ports: [port(80, 0, range)] }), { kind: 'conflict' });
});
