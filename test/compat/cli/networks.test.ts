import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Script } from '../../support/scripted-engine.ts';
import { scripted, skip } from './scripted.ts';

const context = scripted();
const NETWORK_ID = '7'.repeat(64);

const network = {
  Name: 'back',
  Id: NETWORK_ID,
  Created: '2026-01-02T15:04:05.123456789Z',
  Scope: 'local',
  Driver: 'bridge',
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '10.9.0.0/24', Gateway: '10.9.0.1' }] },
  Internal: false,
  Attachable: false,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: {},
  Options: { 'com.docker.network.driver.mtu': '1400' },
  Labels: { tier: 'back' },
};

const script: Script = {
  'POST /networks/create': { status: 201, body: { Id: NETWORK_ID, Warning: '' } },
  'POST /networks/back/connect': {},
  'POST /networks/back/disconnect': {},
  'DELETE /networks/back': { status: 204 },
  'GET /networks': {
    body: [
      network,
      { ...network, Name: 'web10', Id: '8'.repeat(64), Labels: null },
      { ...network, Name: 'web9' },
    ],
  },
  'GET /networks/back': { body: network },
};

test('network create sends what Docker sends, for every flag', { skip }, async () => {
  for (const words of [
    ['back'],
    ['-d', 'macvlan', '-o', 'parent=eth0.50', '--opt', 'macvlan_mode=bridge', 'back'],
    '--subnet 10.9.0.0/16 --subnet fd00:9::/64 --gateway 10.9.0.1,fd00:9::1 --ip-range 10.9.5.0/24 --aux-address router=10.9.0.5 --aux-address six=fd00:9::5 back'.split(
      ' ',
    ),
    ['--internal', '--attachable', '--ingress', '--ipv6', '--ipv4=false', '--scope', 'swarm', 'back'],
    ['--ipv6=false', '--label', 'a=b', '--label', 'c', '--ipam-driver', 'x', '--ipam-opt', 'k=v', 'back'],
    ['--config-only', '--subnet', '10.9.0.0/16', 'back'],
    ['--config-from', 'other', 'back'],
    ['--gateway', '10.9.0.1', 'back'],
    ['--subnet', '10.9.0.0/16', '--gateway', '10.8.0.1', 'back'],
    ['--subnet', '10.9.0.0/16', '--ip-range', '10.8.0.0/24', 'back'],
    ['--subnet', '10.9.0.0/16', '--aux-address', 'a=10.8.0.1', 'back'],
    ['--subnet', '10.9.0.0/16', '--gateway', '10.9.0.1', '--gateway', '10.9.0.2', 'back'],
  ]) {
    await context.engine.same(script, ['network', 'create', ...words]);
  }
});

test('network connect and disconnect send what Docker sends, for every flag', { skip }, async () => {
  for (const words of [
    ['connect', 'back', 'web'],
    ['connect', '--ip', '10.9.0.9', '--ip6', 'fd00:9::9', '--link-local-ip', '169.254.1.1', 'back', 'web'],
    ['connect', '--alias', 'a', '--alias', 'b', '--link', 'db:database', '--link', 'cache', 'back', 'web'],
    [
      'connect',
      '--driver-opt',
      'com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.forwarding=1',
      'back',
      'web',
    ],
    ['connect', '--driver-opt', 'a=1', '--driver-opt', 'b=2', '--gw-priority', '-5', 'back', 'web'],
    ['connect', '--gw-priority', '0', 'back', 'web'],
    ['connect', '--driver-opt', 'nonsense', 'back', 'web'],
    ['disconnect', 'back', 'web'],
    ['disconnect', '-f', 'back', 'web'],
    ['disconnect', 'nosuch', 'web'],
  ]) {
    await context.engine.same(script, ['network', ...words]);
  }
});

test('network ls, inspect and rm show what Docker shows', { skip }, async () => {
  for (const words of [
    ['ls'],
    ['ls', '-q'],
    ['ls', '--no-trunc'],
    ['list', '-f', 'driver=bridge', '-f', 'label=tier', '--filter', 'type=custom'],
    ['ls', '--format', 'json'],
    ['ls', '--format', '{{.ID}}: {{.Name}} {{.Labels}} {{.CreatedAt}} {{.IPv6}} {{.Internal}}'],
    ['ls', '--format', 'table {{.Name}}\t{{.Label "tier"}}'],
    ['ls', '-f', 'nonsense'],
    ['inspect', 'back'],
    ['inspect', '-v', 'back', 'nosuch'],
    ['inspect', '-f', '{{range .IPAM.Config}}{{.Subnet}}{{end}} {{json .Options}}', 'back'],
  ]) {
    await context.engine.same(script, ['network', ...words]);
  }
  for (const words of [
    ['rm', 'back'],
    ['remove', 'back', 'nosuch'],
    ['rm', '-f', 'nosuch'],
  ]) {
    // Docker's looks at each network first, in case it is a cluster's
    const theirs = await context.engine.docker(script, ['network', ...words]);
    const ours = await context.engine.quai(script, ['network', ...words]);
    assert.deepEqual(
      [ours.code, ours.stdout, ours.stderr.trim()],
      [theirs.code, theirs.stdout, theirs.stderr.replace(/exit status 1\s*$/, '').trim()],
    );
  }
});
