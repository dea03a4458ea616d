import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { encodeElements } from './firewall-sets.ts';

const hexOf = (set: string, key: string, value?: string): (string | undefined)[] => {
  const [element] = encodeElements([{ set, key, ...(value !== undefined && { value }) }]);
  return [element?.key.toString('hex'), element?.value?.toString('hex')];
};

test('encodeElements(): each part of a concatenation fills whole words, a single part only itself', () => {
  assert.deepEqual(hexOf('containers4', '172.17.0.2'), ['ac110002', undefined]);
  assert.deepEqual(hexOf('bridges', '"br-1"'), [`62722d31${'00'.repeat(12)}`, undefined]);
  assert.deepEqual(hexOf('home4', '172.17.0.2 . "br-1"'), [`ac11000262722d31${'00'.repeat(12)}`, undefined]);
  const index = endianness() === 'LE' ? '07000000' : '00000007';
  assert.deepEqual(hexOf('plugged4', '7 . 172.17.0.2'), [`${index}ac110002`, undefined]);
  assert.deepEqual(hexOf('publish4_any', 'tcp . 8080', '172.17.0.2 . 80'), [
    '060000001f900000',
    'ac11000200500000',
  ]);
  assert.deepEqual(hexOf('publish6', 'fd00::1 . udp . 53', 'fd00::2 . 5353'), [
    `fd${'00'.repeat(14)}011100000000350000`,
    `fd${'00'.repeat(14)}0214e90000`,
  ]);
});

test('encodeElements(): a range is where it begins and what comes after its end, if anything does', () => {
  const bytes = (set: string, key: string, value?: string): string[] =>
    encodeElements([{ set, key, ...(value !== undefined && { value }) }]).map(each =>
      [each.key.toString('hex'), each.value?.toString('hex'), each.isEnd && 'end'].filter(Boolean).join(' '),
    );
  assert.deepEqual(bytes('masquerade4', '172.17.0.0/16'), ['ac110000', 'ac120000 end']);
  assert.deepEqual(bytes('source4', '10.0.0.0/24', '192.0.2.1'), ['0a000000 c0000201', '0a000100 end']);
  assert.deepEqual(bytes('masquerade4', '255.255.255.0/24'), ['ffffff00']);
  assert.deepEqual(bytes('masquerade6', 'fd00:0:0:ffff::/64'), [
    `fd0000000000ffff${'00'.repeat(8)}`,
    `fd00000000010000${'00'.repeat(8)} end`,
  ]);
});

test('encodeElements(): what does not fit its type is a bug', () => {
  for (const [set, key] of [
    ['containers4', 'fd00::2'],
    ['containers4', '172.17.0.2 . tcp'],
    ['bridges', `"${'b'.repeat(16)}"`],
    ['masquerade4', 'nowhere'],
    ['nosuchset', '172.17.0.2'],
  ] as const) {
    assert.throws(() => encodeElements([{ set, key }]), RangeError);
  }
});
