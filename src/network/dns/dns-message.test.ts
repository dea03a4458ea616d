import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DNS_TYPE,
  type DnsQuery,
  encodeAnswer,
  encodeName,
  parseQuery,
  RCODE,
  truncatedAnswer,
} from './dns-message.ts';
import { queryFor } from './fake-query.ts';
import { localAnswer } from './local-answer.ts';
import { NameBook } from './name-book.ts';

const SEED = 20_261_127;
const ROUNDS = 10_000;

function parsed(packet: Buffer): DnsQuery {
  const result = parseQuery(packet);
  assert.equal(result.kind, 'query');
  return result.query;
}

/** The code of the answer that says what is wrong with a packet. */
function refusalOf(packet: Buffer): number | string {
  const result = parseQuery(packet);
  return result.kind === 'refused' ? (result.answer[3] ?? 0) & 0xf : result.kind;
}

function header(counts: readonly number[], flags = 0x0100): Buffer {
  const bytes = Buffer.alloc(12);
  for (const [index, value] of [7, flags, ...counts].entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

test('parseQuery() reads what another library wrote', () => {
  // dns-packet 5.6.1: AAAA of `Web.Example`, recursion desired, EDNS with 1,232 bytes
  const query = parsed(
    Buffer.from('beef0100000100000000000103576562074578616d706c6500001c000100002904d0000000000000', 'hex'),
  );
  assert.equal(query.id, 0xbeef);
  assert.equal(query.name, 'web.example');
  assert.equal(query.type, DNS_TYPE.AAAA);
  assert.equal(query.isInternet, true);
  assert.equal(query.udpBytes, 1232);
  assert.equal(query.hasEdns, true);
});

test('encodeAnswer() writes the question as it was asked, each record, and EDNS', () => {
  const query = parsed(queryFor('WeB', { id: 5, ednsBytes: 4096 }));
  const records = [
    { type: DNS_TYPE.A, data: Buffer.from([10, 0, 0, 1]) },
    { type: DNS_TYPE.PTR, data: encodeName('db.front') },
  ];
  assert.equal(
    encodeAnswer(query, { rcode: RCODE.noError, records, ttlSeconds: 10 }, 4096).toString('hex'),
    [
      '0005' + '8580' + '0001' + '0002' + '0000' + '0001', // answer, authoritative, recursion desired and available
      '0357654200' + '0001' + '0001',
      'c00c' + '0001' + '0001' + '0000000a' + '0004' + '0a000001',
      'c00c' + '000c' + '0001' + '0000000a' + '000a' + '0264620566726f6e7400',
      '00' + '0029' + '1000' + '00000000' + '0000',
    ].join(''),
  );
});

test('encodeAnswer() cuts what is too long and says so', () => {
  const records = Array.from({ length: 100 }, (_, index) => ({
    type: DNS_TYPE.A,
    data: Buffer.from([10, 0, 0, index]),
  }));
  const query = parsed(queryFor('many'));
  const cut = encodeAnswer(query, { rcode: RCODE.noError, records }, query.udpBytes);
  assert.ok(cut.length <= 512 && cut.length > 480, `${cut.length} bytes`);
  assert.equal(cut.readUInt16BE(2) & 0x0200, 0x0200);
  assert.equal(cut.readUInt16BE(6), (cut.length - query.questionEnd) / 16);
  const whole = encodeAnswer(query, { rcode: RCODE.noError, records }, 65_535);
  assert.deepEqual([whole.readUInt16BE(2) & 0x0200, whole.readUInt16BE(6)], [0, 100]);
  assert.equal(truncatedAnswer(query).readUInt16BE(2) & 0x0600, 0x0200);
});

const NAME = encodeName('a');
const IN_A = Buffer.from([0, 1, 0, 1]);
const REFUSALS: readonly (readonly [what: string, packet: Buffer, expected: number | string])[] = [
  ['nothing', Buffer.alloc(0), 'ignored'],
  ['less than a header', Buffer.alloc(11), 'ignored'],
  ['an answer', header([1, 0, 0, 0], 0x8180), 'ignored'],
  ['a notification (opcode 4)', header([1, 0, 0, 0], 4 << 11), RCODE.notImplemented],
  ['no question', header([0, 0, 0, 0]), RCODE.formatError],
  ['65,535 questions', header([0xffff, 0, 0, 0]), RCODE.formatError],
  ['a question with answers', Buffer.concat([header([1, 1, 0, 0]), NAME, IN_A]), RCODE.formatError],
  ['a question that is missing', header([1, 0, 0, 0]), RCODE.formatError],
  [
    'a question without its class',
    Buffer.concat([header([1, 0, 0, 0]), NAME, IN_A.subarray(0, 3)]),
    RCODE.formatError,
  ],
  [
    'a name that points at itself',
    Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 12]), IN_A]),
    RCODE.formatError,
  ],
  [
    'a name that points at the header',
    Buffer.concat([header([1, 0, 0, 0]), Buffer.from([1, 97, 0xc0, 0]), IN_A]),
    RCODE.formatError,
  ],
  [
    'a label of 64 bytes',
    Buffer.concat([header([1, 0, 0, 0]), Buffer.alloc(66, 64), IN_A]),
    RCODE.formatError,
  ],
  [
    'a name of 300 bytes',
    Buffer.concat([header([1, 0, 0, 0]), Buffer.alloc(300, 1), Buffer.alloc(1), IN_A]),
    RCODE.formatError,
  ],
  ['9 additional records', Buffer.concat([header([1, 0, 0, 9]), NAME, IN_A]), RCODE.formatError],
  [
    'an additional record that is cut',
    Buffer.concat([header([1, 0, 0, 1]), NAME, IN_A, Buffer.from([0, 0, 41])]),
    RCODE.formatError,
  ],
  [
    'EDNS twice',
    Buffer.concat([
      header([1, 0, 0, 2]),
      NAME,
      IN_A,
      queryFor('x', { ednsBytes: 900 }).subarray(-11),
      queryFor('x', { ednsBytes: 900 }).subarray(-11),
    ]),
    RCODE.formatError,
  ],
  [
    'more than 4,096 bytes',
    Buffer.concat([header([1, 0, 0, 0]), NAME, IN_A, Buffer.alloc(4096)]),
    RCODE.formatError,
  ],
];

for (const [what, packet, expected] of REFUSALS) {
  test(`parseQuery() refuses ${what}`, () => {
    assert.equal(refusalOf(packet), expected);
  });
}

test('parseQuery() answers a later version of EDNS with the code for that', () => {
  const packet = queryFor('a', { ednsBytes: 1232 });
  packet.writeUInt8(1, packet.length - 5);
  const result = parseQuery(packet);
  assert.equal(result.kind, 'refused');
  assert.deepEqual([(result.answer[3] ?? 0) & 0xf, result.answer.at(-6)], [0, 1]); // 16, high bits in the OPT record
});

test('a label with a dot in it is not two labels', () => {
  const packet = Buffer.concat([header([1, 0, 0, 0]), Buffer.from('\x05a.b\\c\x00', 'latin1'), IN_A]);
  assert.equal(parsed(packet).name, 'a\\046b\\092c');
});

/** mulberry32: the same damage on every machine. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test(`${ROUNDS} malformed packets (seed ${SEED}): each is answered in bounds or ignored, none throws`, () => {
  const next = random(SEED);
  const good = [
    queryFor('web.front'),
    queryFor('a.b.c.d', { ednsBytes: 1232 }),
    queryFor('x', { type: 255 }),
  ];
  const book = new NameBook();
  book.setNetwork({ id: 'n', name: 'front', subnets: ['10.0.0.0/24'] });
  const endpoints = [{ networkId: 'n', names: ['web'], addresses: ['10.0.0.2'], links: [] }];
  book.setSandbox({ id: 'web', netns: '', endpoints, hostAddresses: [], upstreams: [] });
  const kinds = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const packet = damaged(good[round % good.length] ?? Buffer.alloc(0), next);
    const result = parseQuery(packet);
    kinds.add(result.kind);
    if (result.kind === 'refused') assert.ok(result.answer.length <= Math.max(12, packet.length + 11));
    if (result.kind !== 'query') continue;
    const { query } = result;
    assert.ok(query.questionEnd <= packet.length && query.udpBytes >= 512 && query.udpBytes <= 4096);
    const answer = localAnswer(query, book.find('web', query.name, query.type));
    const bytes = encodeAnswer(query, answer ?? { rcode: RCODE.nameError, records: [] }, query.udpBytes);
    assert.ok(bytes.length <= query.udpBytes);
    assert.equal(bytes.readUInt16BE(0), packet.readUInt16BE(0));
  }
  assert.deepEqual([...kinds].toSorted(), ['ignored', 'query', 'refused']);
});

function damaged(good: Buffer, next: () => number): Buffer {
  const bytes = Buffer.from(good);
  for (let count = 1 + Math.floor(next() * 5); count > 0; count -= 1) {
    bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
  }
  const choice = next();
  if (choice < 0.3) return bytes.subarray(0, Math.floor(next() * bytes.length));
  if (choice < 0.4)
    return Buffer.concat([bytes, Buffer.alloc(Math.floor(next() * 600), Math.floor(next() * 256))]);
  return bytes;
}
