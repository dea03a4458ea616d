import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flowsFrom, flowsTo, listFlows } from '#sys/netlink/conntrack-requests';
import { NETLINK_NETFILTER, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { becomeHost, eventually, NetworkFixture, port, whyNot } from './network-fixture.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

test('a UDP client that goes on from the same port follows what is published', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.8');
  const published = port(53, 5353, { protocol: 'udp' });
  const client = { protocol: 'udp', from: '10.77.8.2', fromPort: 40_000 } as const;
  const ask = (): Promise<string> => lan.ask('10.77.8.1', 5353, client);
  const askInVain = (): Promise<string> => lan.ask('10.77.8.1', 5353, { ...client, timeoutMs: 200 });
  // The kernel remembers this client before anything is published.
  assert.match(await askInVain(), /refused|timeout/);

  const first = await fixture.run('first', { ports: [published] });
  await first.station.serve('first', 53, 'udp');
  assert.equal(await ask(), 'first 10.77.8.2');

  await fixture.stop(first);
  const heir = await fixture.run('heir');
  assert.equal(heir.ip, first.ip);
  await heir.station.serve('heir', 53, 'udp');
  assert.match(await askInVain(), /refused|timeout/, 'not sent to who has the address now');
  const second = await fixture.run('second', { ports: [published] });
  await second.station.serve('second', 53, 'udp');
  assert.equal(await ask(), 'second 10.77.8.2');

  await fixture.stop(second);
  await eventually(async () => /refused|timeout/.test(await askInVain()), 'nobody answers');
});

test('no connection is tracked to a container, or from it, once it is gone: the next holder of its address gets none', {
  skip,
}, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.9');
  await lan.serve('lan', 80);
  const web = await fixture.run('web', { ports: [port(80, 8080)] });
  await web.station.serve('web', 80);
  assert.equal(await lan.ask('10.77.9.1', 8080), 'web 10.77.9.2');
  assert.equal(await web.station.ask('10.77.9.2', 80), 'lan 10.77.9.1');
  const address = Buffer.from(web.ip.split('.').map(Number));
  const tracked = (): number => {
    using socket = new NetlinkSocket(NETLINK_NETFILTER);
    return [flowsTo, flowsFrom].flatMap(filter => socket.dump(listFlows(filter(address)))).length;
  };
  assert.ok(tracked() >= 2, 'both are remembered, though they have ended');
  await fixture.stop(web);
  await eventually(() => tracked() === 0, 'both are forgotten');
});
