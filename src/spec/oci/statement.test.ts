import assert from 'node:assert/strict';
import { test } from 'node:test';
import { announcedPredicateType, mayHoldStatement, parseStatement } from './statement.ts';

const HEX = 'a'.repeat(64);
const bare = {
  _type: 'https://in-toto.io/Statement/v1',
  predicateType: 'https://slsa.dev/provenance/v1',
  subject: [{ name: 'x', digest: { sha256: HEX } }, { digest: { sha512: 'b' } }],
  predicate: { big: 1 },
};

function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

test('parseStatement() reads a bare statement, and gives it back byte for byte', () => {
  const bytes = bytesOf('{ "predicateType":"https://x",  "n": 12345678901234567890 }');
  const statement = parseStatement(bytes, 'blob x');
  assert.equal(statement.bytes, bytes);
  assert.deepEqual(
    [statement.form, statement.predicateType, statement.subjects, statement.signatures],
    ['in-toto', 'https://x', [], 0],
  );
  assert.deepEqual(parseStatement(bytesOf(bare), 'x').subjects, [HEX]);
});

test('parseStatement() opens envelopes and bundles', () => {
  const payload = bytesOf(bare).toString('base64');
  const envelope = {
    payloadType: 'application/vnd.in-toto+json',
    payload,
    signatures: [{ sig: 'x' }, { sig: 'y' }],
  };
  const dsse = parseStatement(bytesOf(envelope), 'x');
  assert.deepEqual([dsse.form, dsse.signatures, dsse.predicateType], ['dsse', 2, bare.predicateType]);
  assert.deepEqual(dsse.bytes, bytesOf(bare));
  const bundle = parseStatement(bytesOf({ mediaType: 'x', dsseEnvelope: envelope }), 'x');
  assert.deepEqual([bundle.form, bundle.subjects], ['bundle', [HEX]]);
});

test('parseStatement() takes bills of materials that are no statements', () => {
  assert.equal(
    parseStatement(bytesOf({ spdxVersion: 'SPDX-2.3' }), 'x').predicateType,
    'https://spdx.dev/Document',
  );
  assert.equal(
    parseStatement(bytesOf({ bomFormat: 'CycloneDX' }), 'x').predicateType,
    'https://cyclonedx.org/bom',
  );
});

for (const [name, blob, message] of [
  ['no JSON', '{"predicateType":', /not JSON/],
  ['a byte that is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /not JSON/],
  ['a list', '[]', /expected an object/],
  ['null', 'null', /expected an object/],
  ['something else', '{"a":1}', /no predicateType/],
  ['a predicate type that is a number', '{"predicateType":1}', /at predicateType/],
  ['an empty predicate type', '{"predicateType":""}', /at predicateType/],
  ['a subject that is text', '{"predicateType":"x","subject":"y"}', /at subject/],
  ['an envelope without base64', '{"payload":"%%%","signatures":[]}', /not base64/],
  [
    'an envelope of an envelope',
    JSON.stringify({ payload: Buffer.from('{"payload":""}').toString('base64') }),
    /predicateType/,
  ],
  [
    'a payload that is no object',
    JSON.stringify({ payload: Buffer.from('7').toString('base64') }),
    /expected an object/,
  ],
  ['a payload in an own __proto__', '{"__proto__":{"predicateType":"x"}}', /no predicateType/],
] as const) {
  test(`parseStatement() refuses ${name}`, () => {
    assert.throws(() => parseStatement(bytesOf(blob), 'blob x'), { kind: 'invalid', message });
  });
}

test('parseStatement() is not brought down by depth', () => {
  const deep = `{"predicateType":"x","predicate":${'['.repeat(500_000)}${']'.repeat(500_000)}}`;
  assert.equal(parseStatement(bytesOf(deep), 'x').predicateType, 'x');
});

test('the media type tells what may hold a statement; annotations tell its kind', () => {
  const types = ['application/vnd.in-toto+json', 'application/vnd.dsse.envelope.v1+json', 'text/spdx+json'];
  assert.ok(types.every(mayHoldStatement));
  assert.ok(mayHoldStatement('application/vnd.dev.sigstore.bundle.v0.3+json'));
  assert.ok(!mayHoldStatement('application/vnd.oci.image.layer.v1.tar+gzip'));
  const annotations = { 'in-toto.io/predicate-type': 'https://a' };
  assert.equal(
    announcedPredicateType({ mediaType: 'application/vnd.in-toto+json', annotations }, {}),
    'https://a',
  );
  const bundle = { 'dev.sigstore.bundle.predicateType': 'https://b' };
  assert.equal(announcedPredicateType({ mediaType: 'x', annotations: {} }, bundle), 'https://b');
  assert.equal(
    announcedPredicateType({ mediaType: 'application/spdx+json', annotations: {} }, {}),
    'https://spdx.dev/Document',
  );
  assert.equal(
    announcedPredicateType({ mediaType: 'application/vnd.in-toto+json', annotations: {} }, {}),
    '',
  );
});
