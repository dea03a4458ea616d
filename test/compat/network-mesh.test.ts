import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cannotRunContainers } from '../support/busybox-daemon.ts';
import { cannotRunDocker } from '../support/daemon.ts';
import { MESH_DRIVER, type MeshHost, MeshHosts, meshMissing } from '../support/mesh/mesh-hosts.ts';
import { heard, listen, say } from '../support/mesh/talk.ts';
import { WireTap } from '../support/mesh/wire-tap.ts';
import { until } from '../support/until.ts';

const skip = cannotRunContainers || cannotRunDocker || meshMissing;
const SECRET = 'known to the hosts of the mesh';
const GROUP = '239.1.2.3';
/** Its 16-bit words may change places: the checksum of the datagram stays right. */
const CLEAR_TEXT = 'CLEAR-TEXT';
const CHANGED_TEXT = 'XTEAR-TECL';

async function createLan(host: MeshHost): Promise<void> {
  const words = `network create -d ${MESH_DRIVER} --ipam-driver ${MESH_DRIVER} --subnet 10.32.0.0/24 lan`;
  await host.docker(...words.split(' '));
}

async function start(host: MeshHost, name: string, ...options: string[]): Promise<string> {
  await host.docker('run', '-d', '--name', name, '--network', 'lan', ...options, 'busybox', 'sleep', '1000');
  return addressOf(host, name);
}

function addressOf(host: MeshHost, name: string): Promise<string> {
  return host.docker('inspect', '-f', '{{.NetworkSettings.Networks.lan.IPAddress}}', name);
}

async function pings(host: MeshHost, from: string, to: string): Promise<boolean> {
  return (await host.daemon.docker(['exec', from, 'ping', '-c', '1', '-W', '1', to])).code === 0;
}

async function allKnowAll({ hosts }: MeshHosts): Promise<void> {
  for (const host of hosts) {
    await until(
      `${host.name} knows the others`,
      async () => (await host.status()).Alive.length === hosts.length - 1,
    );
  }
}

async function removeAll(host: MeshHost): Promise<void> {
  const names = (await host.docker('ps', '-aq')).split('\n').filter(Boolean);
  if (names.length > 0) await host.docker('rm', '-f', ...names);
}

async function clean({ hosts }: MeshHosts): Promise<void> {
  for (const host of hosts) await removeAll(host);
  for (const host of hosts) {
    await until('its addresses are given back', async () =>
      (await host.status()).Pools.every(({ used }) => used.length <= 1),
    );
    await host.docker('network', 'rm', 'lan');
    await until('the gateway, too', async () =>
      (await host.status()).Pools.every(({ used }) => used.length === 0),
    );
    assert.deepEqual(
      host.leftovers().filter(line => / m[btv]-/.test(line)),
      [],
    );
  }
}

describe("a network of three hosts by a driver of Docker's protocol", { skip }, () => {
  let mesh: MeshHosts;
  let a: MeshHost;
  let b: MeshHost;
  let c: MeshHost;

  before(async () => {
    mesh = await MeshHosts.start(['a', 'b', 'c'], SECRET);
    [a, b, c] = mesh.hosts as [MeshHost, MeshHost, MeshHost]; // as many as were named
    for (const host of mesh.hosts) await createLan(host);
  });
  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  test('the hosts find each other by one address, and their containers, with addresses that nobody else has (S212)', async () => {
    await allKnowAll(mesh);
    const addresses = new Map<MeshHost, string[]>();
    for (const host of mesh.hosts) {
      addresses.set(host, [await start(host, 'one'), await start(host, 'two')]);
    }
    const all = [...addresses.values()].flat();
    assert.equal(new Set(all).size, 6, all.join());
    for (const [from, to] of [
      [a, b],
      [b, c],
      [c, a],
      [a, a],
    ] as const) {
      for (const address of addresses.get(to) ?? []) {
        await from.docker('exec', 'one', 'ping', '-c', '1', '-W', '2', '-s', '4000', address);
      }
    }
    // An address that is asked for is had once in all of the mesh, whoever had it to give.
    await start(c, 'wanted', '--ip', '10.32.0.200');
    assert.match(
      await a.refused('run', '--rm', '--network', 'lan', '--ip', '10.32.0.200', 'busybox', 'true'),
      /10\.32\.0\.200 is taken on another host/,
    );
    for (const host of mesh.hosts) await removeAll(host);
  });

  test('a service of several hosts has one name, with the addresses of all that live (S214)', async () => {
    const addresses = [
      await start(a, 'web-a', '--network-alias', 'web'),
      await start(b, 'web-b', '--network-alias', 'web'),
    ];
    const gateway = await c.docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'lan');
    await start(c, 'asker', '--dns', gateway, '--dns-search', 'mesh.local');
    const found = async (name: string): Promise<string[]> => {
      const { stdout } = await c.daemon.docker(['exec', 'asker', 'nslookup', '-type=a', name]);
      return [...stdout.matchAll(/Address: (10\.32\.\S+)/g)].map(([, ip]) => ip ?? '').sort();
    };
    await until('both are known', async () => (await found('web.mesh.local')).length === 2);
    assert.deepEqual(await found('web.mesh.local'), addresses.toSorted());
    assert.deepEqual(await found('web'), addresses.toSorted(), 'by the search list of the container');
    assert.deepEqual(await found('web-b.mesh.local'), addresses.slice(1));
    await b.docker('kill', 'web-b');
    await until('only who lives', async () => (await found('web.mesh.local')).join() === addresses[0]);
    for (const host of mesh.hosts) await removeAll(host);
  });

  test('a datagram to a group reaches its members on all hosts, and nobody else (S215)', async () => {
    await listen(a, 'member-a', GROUP);
    await listen(b, 'member-b', GROUP);
    await listen(b, 'other-b');
    for (const [host, name] of [
      [a, 'member-a'],
      [b, 'member-b'],
    ] as const) {
      await until(`${name} has it`, async () => {
        await say(c, GROUP, 'to the group'); // a datagram may be lost
        return (await heard(host, name)).some(line => line.endsWith(' to the group'));
      });
    }
    assert.deepEqual(await heard(b, 'other-b'), ['ready']);
    for (const host of mesh.hosts) await removeAll(host);
  });

  test('who does not know the secret stays outside, and is let in with it (S213)', async () => {
    await listen(a, 'ear');
    const to = await addressOf(a, 'ear');
    await c.killDriver();
    await c.startDriver('another secret');
    await until(
      'it was turned away',
      async () => Number((await a.status()).Refused['without the secret']) > 0,
    );
    assert.deepEqual((await c.status()).Alive, []);
    await say(c, to, 'from outside');
    await c.killDriver();
    await c.startDriver(SECRET);
    await allKnowAll(mesh);
    await say(c, to, 'from inside');
    await until('it is heard', async () => (await heard(a, 'ear')).length > 1);
    assert.match((await heard(a, 'ear')).join('\n'), /^ready\n10\.32\.0\.\d+ from inside$/);
    for (const host of mesh.hosts) await removeAll(host);
  });

  test('a driver that is killed, and an engine that is, find everything again', async () => {
    const [near, far] = [await start(a, 'near'), await start(b, 'far')];
    const beside = await start(b, 'beside');
    await until('they reach each other', () => pings(a, 'near', far));

    await b.killDriver();
    assert.equal(await pings(b, 'far', beside), true, 'one host needs no driver');
    assert.equal(await pings(a, 'near', far), false);
    const late = await b.refused('run', '--rm', '--network', 'lan', 'busybox', 'true');
    assert.match(late, new RegExp(`${MESH_DRIVER}`));
    await b.docker('rm', '-f', 'beside'); // nobody is there who could be told
    await b.startDriver(SECRET);
    await until('they reach each other again', () => pings(a, 'near', far));

    await a.daemon.kill9();
    assert.equal(await pings(b, 'far', near), true, 'containers need no engine');
    await a.daemon.start();
    assert.equal(await pings(a, 'near', far), true);
    const newer = await start(a, 'newer');
    assert.equal(await pings(b, 'far', newer), true);

    for (const host of mesh.hosts) await host.killDriver(); // all at once
    for (const host of mesh.hosts) await host.startDriver(SECRET);
    await allKnowAll(mesh);
    await until('they reach each other again', () => pings(a, 'near', far));
    const addresses = [near, far, newer];
    for (const host of mesh.hosts) addresses.push(await start(host, 'last'));
    assert.equal(new Set(addresses).size, addresses.length, addresses.join());
    for (const host of mesh.hosts) await removeAll(host);
  });

  test('everything is gone with the network', async () => {
    await clean(mesh);
  });
});

/** What somebody on the link between two hosts sees, and what comes of packets that he sends again or changes. */
async function attacked(mesh: MeshHosts) {
  const [a, b] = mesh.hosts as [MeshHost, MeshHost]; // as many as were named
  using tap = new WireTap(mesh.internet, `p-${b.name}`);
  await listen(b, 'ear');
  const to = await addressOf(b, 'ear');
  await allKnowAll(mesh);
  await say(a, to, CLEAR_TEXT);
  await until('it is heard', async () => (await heard(b, 'ear')).length > 1);
  const frames = tap.between(a.address, b.address);
  for (const frame of frames) tap.sendAgain(frame);
  for (const frame of frames) tap.sendAgain(frame, changeText);
  await say(a, to, 'the last'); // by the same way: when it is heard, all before it was
  await until('it is heard', async () => (await heard(b, 'ear')).some(line => line.endsWith('the last')));
  const said = (await heard(b, 'ear')).slice(1, -1).map(line => line.split(' ')[1]);
  const { Refused: refused } = await b.status();
  for (const host of mesh.hosts) await removeAll(host);
  return { wasSeen: frames.some(frame => frame.includes(CLEAR_TEXT)), packets: frames.length, said, refused };
}

/** A packet with the text gets another one; of one that shows none, a bit is turned over. */
function changeText(data: Buffer): void {
  const at = data.indexOf(CLEAR_TEXT);
  if (at >= 0) data.write(CHANGED_TEXT, at);
  else data[data.length - 1] = (data.at(-1) ?? 0) ^ 1;
}

describe('what passes between two hosts', { skip }, () => {
  for (const secret of ['', SECRET]) {
    test(`${secret ? 'with a secret it is neither read nor changed nor sent again' : 'without a secret anybody on the way reads, changes and repeats it'} (S213)`, async () => {
      await using mesh = await MeshHosts.start(['a', 'b'], secret);
      for (const host of mesh.hosts) await createLan(host);
      const { wasSeen, packets, said, refused } = await attacked(mesh);
      assert.ok(packets > 0);
      if (secret === '') {
        assert.ok(wasSeen);
        assert.deepEqual(said, [CLEAR_TEXT, CLEAR_TEXT, CHANGED_TEXT]);
      } else {
        assert.ok(!wasSeen);
        assert.deepEqual(said, [CLEAR_TEXT]);
        assert.deepEqual([refused['replayed'], refused['forged']], [packets, packets]);
      }
      await clean(mesh);
    });
  }
});
