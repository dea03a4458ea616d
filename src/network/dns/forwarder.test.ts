import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type DnsQuery, encodeAnswer, parseQuery, RCODE } from './dns-message.ts';
import type { UpstreamServer } from './dns-orders.ts';
import { queryFor } from './fake-query.ts';
import { type ForwardClient, Forwarder } from './forwarder.ts';
import type { Exchange } from './upstream-exchange.ts';

interface Asked extends Exchange {
  isOpen: boolean;
}

function fixture(t: TestContext, servers: readonly (string | UpstreamServer)[]) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const asked: Asked[] = [];
  const forwarder = new Forwarder({
    exchange: (_transport, options) => {
      const entry = { ...options, isOpen: true };
      asked.push(entry);
      return {
        [Symbol.dispose]: () => {
          entry.isOpen = false;
        },
      };
    },
  });
  const client: ForwardClient = {
    netns: 7,
    pending: new Set(),
    upstreams: servers.map(server =>
      typeof server === 'string' ? { address: server, isHostOnly: false } : server,
    ),
  };
  return { asked, forwarder, client };
}

function query(id = 0x1234): DnsQuery {
  const parsed = parseQuery(queryFor('example.com', { id }));
  assert.equal(parsed.kind, 'query');
  return parsed.query;
}

/** What a server says to a packet: its number and question, and a code. */
function answerTo(packet: Buffer, rcode: number = RCODE.noError): Buffer {
  const parsed = parseQuery(packet);
  assert.equal(parsed.kind, 'query');
  return encodeAnswer(parsed.query, { rcode, records: [] }, 512);
}

test('ask() passes a question on under a number of its own, and gives the answer the number of the question', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.53']);
  const answer = forwarder.ask(query(), client, 'udp');
  const [first] = asked;
  assert.ok(first);
  assert.equal(first.netns, 7);
  assert.equal(first.onPacket(answerTo(first.packet)), true);
  assert.equal((await answer)?.readUInt16BE(0), 0x1234);
  assert.equal(first.isOpen, false);
  assert.equal(client.pending.size, 0);
});

test('ask() takes no answer with another number, another question, or that is none', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.53']);
  const answer = forwarder.ask(query(), client, 'udp');
  const packet = asked[0]?.packet ?? Buffer.alloc(0);
  const otherNumber = answerTo(packet);
  otherNumber.writeUInt16BE(otherNumber.readUInt16BE(0) ^ 1, 0);
  const otherName = answerTo(queryFor('example.org', { id: packet.readUInt16BE(0) }));
  const otherType = answerTo(queryFor('example.com', { id: packet.readUInt16BE(0), type: 28 }));
  for (const wrong of [otherNumber, otherName, otherType, packet, packet.subarray(0, 12), Buffer.alloc(0)]) {
    assert.equal(asked[0]?.onPacket(wrong), false);
  }
  asked[0]?.onPacket(answerTo(packet, RCODE.nameError));
  assert.equal((await answer)?.[3], 0x80 | RCODE.nameError);
});

test('ask() asks the next server when one is silent, and takes what comes first', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.1', '10.0.0.2']);
  const answer = forwarder.ask(query(), client, 'udp');
  assert.deepEqual(
    asked.map(each => each.server.address),
    ['10.0.0.1'],
  );
  t.mock.timers.tick(1_200);
  assert.deepEqual(
    asked.map(each => each.server.address),
    ['10.0.0.1', '10.0.0.2'],
  );
  const late = asked[0];
  assert.ok(late);
  late.onPacket(answerTo(late.packet));
  assert.ok(await answer);
  assert.deepEqual(
    asked.map(each => each.isOpen),
    [false, false],
  );
});

test('ask() goes on at once after a refusal or failure, and gives that only when nobody knows better', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.1', '10.0.0.2']);
  const answer = forwarder.ask(query(), client, 'udp');
  asked[0]?.onPacket(answerTo(asked[0].packet, RCODE.refused));
  assert.equal(asked.length, 2);
  asked[1]?.onFailure();
  assert.equal((await answer)?.[3], 0x80 | RCODE.refused);
});

test('ask() gives up before the client does; a lone server is asked twice', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.1']);
  const answer = forwarder.ask(query(), client, 'udp');
  t.mock.timers.tick(1_200);
  t.mock.timers.tick(4_500);
  assert.equal(await answer, undefined);
  assert.equal(asked.length, 2);
  assert.notDeepEqual(asked[0]?.packet.subarray(0, 2), undefined);
});

test('ask() asks servers of the host alone from the host, and at most three servers', async t => {
  const { asked, forwarder, client } = fixture(t, [
    { address: '127.0.0.53', isHostOnly: true },
    '10.0.0.2',
    '10.0.0.3',
    '10.0.0.4',
  ]);
  const answer = forwarder.ask(query(), client, 'udp');
  for (let turns = 0; turns < 4; turns += 1) t.mock.timers.tick(1_200);
  assert.equal(await answer, undefined);
  assert.deepEqual(
    asked.map(({ server, netns }) => [server.address, netns]),
    [
      ['127.0.0.53', undefined],
      ['10.0.0.2', 7],
      ['10.0.0.3', 7],
    ],
  );
});

test('ask() has at most 256 questions of a container under way, and ends them when it goes', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.1']);
  const all = Array.from({ length: 300 }, (_, id) => forwarder.ask(query(id), client, 'udp'));
  await turn();
  assert.equal(asked.length, 256);
  for (const inquiry of client.pending) inquiry[Symbol.dispose]();
  assert.deepEqual(new Set(await Promise.all(all)), new Set([undefined]));
  assert.ok(asked.every(each => !each.isOpen));
});

test('numbers under which questions are passed on are not in sequence', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.1']);
  for (let id = 0; id < 50; id += 1) void forwarder.ask(query(id), client, 'udp');
  const numbers = asked.map(({ packet }) => packet.readUInt16BE(0));
  assert.ok(new Set(numbers).size > 45);
  const steps = new Set(numbers.slice(1).map((number, index) => number - (numbers[index] ?? 0)));
  assert.ok(steps.size > 40);
});

test('ask() asks a server that was silent last, until it answers again', async t => {
  const { asked, forwarder, client } = fixture(t, ['10.0.0.1', '10.0.0.2']);
  const first = forwarder.ask(query(), client, 'udp');
  t.mock.timers.tick(1_200);
  asked[1]?.onPacket(answerTo(asked[1].packet));
  await first;
  const second = forwarder.ask(query(), client, 'udp');
  assert.equal(asked[2]?.server.address, '10.0.0.2');
  t.mock.timers.tick(1_200);
  asked[3]?.onPacket(answerTo(asked[3].packet));
  await second;
  void forwarder.ask(query(), client, 'udp');
  assert.equal(asked[4]?.server.address, '10.0.0.1');
});
