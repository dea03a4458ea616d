import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedBindings } from './port-change.ts';

const on = (HostPort: string, HostIp = '') => ({ HostIp, HostPort });
const CURRENT = { '80/tcp': [on('8080'), on('8081', '127.0.0.1')], '53/udp': [on('53')] };

test('changedBindings() adds to what there is, under one spelling of a port', () => {
  assert.deepEqual(
    changedBindings(CURRENT, { add: { '80': [on('9090')], '90/tcp': [on('')] }, remove: {} }),
    {
      ...CURRENT,
      '80/tcp': [...CURRENT['80/tcp'], on('9090')],
      '90/tcp': [on('')],
    },
  );
});

test('changedBindings() removes what fits: all of a port, one of them, by port or address of the host', () => {
  const left = (remove: Record<string, { HostIp: string; HostPort: string }[]>) =>
    changedBindings(CURRENT, { add: {}, remove });
  assert.deepEqual(left({ '80': [] }), { '53/udp': [on('53')] });
  assert.deepEqual(left({ '80/tcp': [on('8080')] })['80/tcp'], [on('8081', '127.0.0.1')]);
  assert.deepEqual(left({ '80/tcp': [on('', '127.0.0.1')] })['80/tcp'], [on('8080')]);
});

test('changedBindings() removes before it adds, so that a port can be moved in one step', () => {
  const change = { remove: { '80/tcp': [on('8080')] }, add: { '81/tcp': [on('8080')] } };
  assert.deepEqual(changedBindings(CURRENT, change)['81/tcp'], [on('8080')]);
});

const REFUSED: readonly [Record<string, { HostIp: string; HostPort: string }[]>, string][] = [
  [{ '81/tcp': [] }, 'notFound'],
  [{ '80/udp': [] }, 'notFound'],
  [{ '80/tcp': [on('1')] }, 'notFound'],
  [{ '80-90/tcp': [] }, 'invalid'],
  [{ x: [] }, 'invalid'],
];

test('changedBindings() refuses what is not published, and what is no port', () => {
  for (const [remove, kind] of REFUSED) {
    assert.throws(() => changedBindings(CURRENT, { add: {}, remove }), { kind }, JSON.stringify(remove));
  }
});
