import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkProcMount } from './proc-mounts.ts';

const VOLUME = { type: 'volume', source: '/var/lib/quai/volumes/x/_data' };

test('checkProcMount() refuses what lies in procfs', () => {
  for (const place of ['/proc', '/proc/self', '/proc/1/attr', '/proc/sys/kernel', '/proc/net']) {
    assert.throws(() => checkProcMount(place, VOLUME), {
      kind: 'invalid',
      message: `"${place}" cannot be mounted because it is inside /proc`,
    });
  }
  assert.throws(() => checkProcMount('/proc', { type: 'bind', source: '/procfs' }), { kind: 'invalid' });
});

test("checkProcMount() lets other places, lxcfs's files and the host's own procfs through", () => {
  for (const place of ['/process', '/data/proc', '/proc/meminfo', '/proc/net/dev'])
    checkProcMount(place, VOLUME);
  checkProcMount('/proc', { type: 'bind', source: '/proc' });
});
