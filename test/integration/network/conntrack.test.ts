import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conntrack, forgetOneByOne } from '#sys/netlink/conntrack';
import { type FlowFilter, flowsTo, listFlows, udpFlowsToPort } from '#sys/netlink/conntrack-requests';
import { NETLINK_NETFILTER, NetlinkSocket } from '#sys/netlink/netlink-socket';
import { becomeHost, sh, whyNot } from './network-fixture.ts';
import { ask, serve } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

const LOOPBACK = Buffer.from([127, 0, 0, 1]);

for (const [how, forget] of [
  [
    'at once',
    async (filters: readonly FlowFilter[]) => {
      using conntrack = new Conntrack();
      await Promise.all(filters.map(filter => conntrack.forget([filter])));
    },
  ],
  [
    'one by one, as on older kernels',
    async (filters: readonly FlowFilter[]) => {
      using socket = new NetlinkSocket(NETLINK_NETFILTER);
      for (const filter of filters) forgetOneByOne(socket, filter);
    },
  ],
] as const) {
  test(`Conntrack forgets what fits the filter and nothing else, ${how}`, { skip }, async () => {
    // Connections are tracked once a rule asks for their state.
    sh('nft "table inet t { chain c { type filter hook input priority 0; ct state new accept; }; }"');
    const closers = [
      await serve('a', 4001, 'udp'),
      await serve('b', 4002, 'udp'),
      await serve('c', 4001, 'tcp'),
    ];
    const flows = (filter: FlowFilter): number => {
      using socket = new NetlinkSocket(NETLINK_NETFILTER);
      return socket.dump(listFlows(filter)).length;
    };
    const talk = async (): Promise<void> => {
      for (const port of [4001, 4002]) await ask({ protocol: 'udp', address: '127.0.0.1', port });
      await ask({ protocol: 'tcp', address: '127.0.0.1', port: 4001 });
    };
    try {
      await talk();
      assert.deepEqual([flows(udpFlowsToPort(4001, 4)), flows(udpFlowsToPort(4002, 4))], [1, 1]);
      await forget([udpFlowsToPort(4001, 4)]);
      assert.deepEqual([flows(udpFlowsToPort(4001, 4)), flows(udpFlowsToPort(4002, 4))], [0, 1]);
      await talk();
      assert.ok(flows(flowsTo(LOOPBACK)) >= 2);
      await forget([flowsTo(LOOPBACK), udpFlowsToPort(4001, 4)]);
      assert.equal(flows(flowsTo(LOOPBACK)), 0);
      await forget([udpFlowsToPort(9, 6)]);
    } finally {
      for (const close of closers) close();
      sh('nft delete table inet t');
    }
  });
}
