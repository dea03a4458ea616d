import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpointOptions } from './endpoint-options.ts';

const IFNAME = 'com.docker.network.endpoint.ifname';
const SYSCTLS = 'com.docker.network.endpoint.sysctls';

test('parseEndpointOptions() reads interface name and sysctls, and passes others over', () => {
  assert.deepEqual(parseEndpointOptions({ other: 'x' }), { sysctls: [] });
  assert.deepEqual(
    parseEndpointOptions({
      [IFNAME]: 'lan0',
      [SYSCTLS]: 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.ifname.gc_stale_time=9',
    }),
    {
      interfaceName: 'lan0',
      sysctls: [
        { protocol: 'ipv4', kind: 'conf', parameter: 'log_martians', value: '1' },
        { protocol: 'ipv6', kind: 'neigh', parameter: 'gc_stale_time', value: '9' },
      ],
    },
  );
});

for (const options of [
  { [IFNAME]: 'a/b' },
  { [IFNAME]: '' },
  { [IFNAME]: 'lo' },
  { [IFNAME]: '..' },
  { [IFNAME]: 'sixteen-letters-' },
  { [SYSCTLS]: 'kernel.hostname=x' },
  { [SYSCTLS]: 'net.ipv4.conf.all.forwarding=1' },
  { [SYSCTLS]: 'net.ipv4.conf.IFNAME.../../x=1' },
  { [SYSCTLS]: 'net.ipv4.conf.IFNAME.a/b=1' },
  { [SYSCTLS]: 'net.ipv4.conf.IFNAME.forwarding' },
  { [SYSCTLS]: 'net.ipv4.conf.IFNAME.forwarding=1\n2' },
  { [SYSCTLS]: Array(65).fill('net.ipv4.conf.IFNAME.forwarding=1').join() },
]) {
  test(`parseEndpointOptions() refuses ${JSON.stringify(options).slice(0, 90)}`, () => {
    assert.throws(() => parseEndpointOptions(options), { kind: 'invalid' });
  });
}
