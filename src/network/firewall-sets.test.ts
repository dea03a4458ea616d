import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeElements } from './firewall-sets.ts';

const hexOf = (set: string, key: string, value?: string): (string | undefined)[] => {
  const [element] = encodeElements([{ set, key, ...(value !== undefined && { value }) }]) ?? [];
  return [element?.key.toString('hex'), element?.value?.toString('hex')];
};

test('encodeElements(): each part of a concatenation fills whole words, a single part only itself', () => {
  assert.deepEqual(hexOf('containers4', '172.17.0.2'), ['ac110002', undefined]);
  assert.deepEqual(hexOf('bridges', '"br-1"'), [`62722d31${'00'.repeat(12)}`, undefined]);
  assert.deepEqual(hexOf('home4', '172.17.0.2 . "br-1"'), [`ac11000262722d31${'00'.repeat(12)}`, undefined]);
  assert.deepEqual(hexOf('publish4_any', 'tcp . 8080', '172.17.0.2 . 80'), [
    '060000001f900000',
    'ac11000200500000',
  ]);
  assert.deepEqual(hexOf('publish6', 'fd00::1 . udp . 53', 'fd00::2 . 5353'), [
    `fd${'00'.repeat(14)}011100000000350000`,
    `fd${'00'.repeat(14)}0214e90000`,
  ]);
});

test('encodeElements(): ranges are left to others, and with them all that goes along', () => {
  assert.equal(
    encodeElements([
      { set: 'bridges', key: '"br-1"' },
      { set: 'masquerade4', key: '172.17.0.0/16' },
    ]),
    undefined,
  );
});

test('encodeElements(): what does not fit its type is a bug', () => {
  for (const [set, key] of [
    ['containers4', 'fd00::2'],
    ['containers4', '172.17.0.2 . tcp'],
    ['bridges', `"${'b'.repeat(16)}"`],
  ] as const) {
    assert.throws(() => encodeElements([{ set, key }]), RangeError);
  }
});
