import assert from 'node:assert/strict';
import { test } from 'node:test';
import { becomeHost, eventually, NetworkFixture, port, whyNot } from './network-fixture.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

test('a UDP client that goes on from the same port follows what is published', { skip }, async () => {
  await using fixture = await NetworkFixture.open();
  const lan = fixture.neighbour('10.77.8');
  const published = port(53, 5353, { protocol: 'udp' });
  const client = { protocol: 'udp', from: '10.77.8.2', fromPort: 40_000, timeoutMs: 200 } as const;
  const ask = (): Promise<string> => lan.ask('10.77.8.1', 5353, client);
  // The kernel remembers this client before anything is published.
  assert.match(await ask(), /refused|timeout/);

  const first = await fixture.run('first', { ports: [published] });
  await first.station.serve('first', 53, 'udp');
  assert.equal(await ask(), 'first 10.77.8.2');

  await fixture.stop(first);
  const heir = await fixture.run('heir');
  assert.equal(heir.ip, first.ip);
  await heir.station.serve('heir', 53, 'udp');
  assert.match(await ask(), /refused|timeout/, 'not sent to who has the address now');
  const second = await fixture.run('second', { ports: [published] });
  await second.station.serve('second', 53, 'udp');
  assert.equal(await ask(), 'second 10.77.8.2');

  await fixture.stop(second);
  await eventually(async () => /refused|timeout/.test(await ask()), 'nobody answers');
});
