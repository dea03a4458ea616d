import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DNS_TYPE } from './dns-message.ts';
import type { NamedEndpoint, NamedSandbox } from './dns-orders.ts';
import { type Finding, NameBook } from './name-book.ts';
import { addressOfReverseName, reverseNameOf } from './reverse-name.ts';

function endpoint(networkId: string, partial: Partial<NamedEndpoint>): NamedEndpoint {
  return { networkId, names: [], addresses: [], links: [], ...partial };
}

function sandbox(
  id: string,
  endpoints: readonly NamedEndpoint[],
  partial: Partial<NamedSandbox> = {},
): NamedSandbox {
  return { id, netns: '', endpoints, hostAddresses: [], upstreams: [], ...partial };
}

/** Two networks: `db` and `web` on one, `other` on the other. */
function book(): NameBook {
  const names = new NameBook();
  names.setNetwork({ id: 'n1', name: 'Front', subnets: ['10.1.0.0/24', 'fd00:1::/64'] });
  names.setNetwork({ id: 'n2', name: 'app', subnets: ['10.2.0.0/24'] });
  names.setSandbox(
    sandbox('db', [endpoint('n1', { names: ['DB', 'store'], addresses: ['10.1.0.2', 'fd00:1::2'] })]),
  );
  names.setSandbox(
    sandbox(
      'web',
      [endpoint('n1', { names: ['web', 'a.b'], addresses: ['10.1.0.3'], links: [['Nick', 'db']] })],
      { hostAddresses: ['10.1.0.1'] },
    ),
  );
  names.setSandbox(
    sandbox('other', [endpoint('n2', { names: ['other', 'example.com'], addresses: ['10.2.0.2'] })]),
  );
  return names;
}

function found(finding: Finding): unknown {
  return finding.kind === 'addresses'
    ? finding.addresses.map(address => [...address].slice(-4).join('.'))
    : finding.kind === 'names'
      ? finding.names
      : finding.kind;
}

const CASES: readonly (readonly [asker: string, name: string, expected: unknown])[] = [
  ['web', 'db', ['10.1.0.2', '0.0.0.2']],
  ['web', 'store', ['10.1.0.2', '0.0.0.2']],
  ['web', 'db.front', ['10.1.0.2', '0.0.0.2']],
  ['web', 'web', ['10.1.0.3']],
  ['web', 'a.b', ['10.1.0.3']],
  ['web', 'a.b.front', ['10.1.0.3']],
  ['web', 'nick', ['10.1.0.2', '0.0.0.2']],
  ['db', 'nick', 'foreign'],
  ['web', 'other', 'nothing'], // it is somebody's, but not on a network of the asker's
  ['web', 'other.app', 'foreign'], // may as well be a domain of that name
  ['web', 'example.com', 'foreign'], // nobody takes a domain from other networks
  ['other', 'example.com', ['10.2.0.2']],
  ['web', 'host.docker.internal', ['10.1.0.1']],
  ['web', 'gateway.docker.internal', ['10.1.0.1']],
  ['web', 'kubernetes.docker.internal', 'nothing'],
  ['web', 'db.front.quai.internal', 'nothing'],
  ['web', 'unheard-of', 'foreign'],
  ['nobody', 'db', 'nothing'],
];

for (const [asker, name, expected] of CASES) {
  test(`find(): ${asker} asks for ${name}`, () => {
    assert.deepEqual(found(book().find(asker, name, DNS_TYPE.A)), expected);
  });
}

test('find(): addresses lead back to the first name, and those of our networks to nobody else', () => {
  const names = book();
  const reverse = (asker: string, address: string): unknown =>
    found(names.find(asker, address, DNS_TYPE.PTR));
  assert.deepEqual(reverse('web', '2.0.1.10.in-addr.arpa'), ['db.front']);
  const ipv6 = reverseNameOf({ family: 6, value: 0xfd000001000000000000000000000002n });
  assert.deepEqual(addressOfReverseName(ipv6), { family: 6, value: 0xfd000001000000000000000000000002n });
  assert.deepEqual(reverse('web', ipv6), ['db.front']);
  assert.equal(reverse('web', '2.0.2.10.in-addr.arpa'), 'nothing');
  assert.equal(reverse('web', '99.0.1.10.in-addr.arpa'), 'nothing');
  for (const foreign of [
    '8.8.8.8.in-addr.arpa',
    '300.0.1.10.in-addr.arpa',
    '10.in-addr.arpa',
    'in-addr.arpa',
  ]) {
    assert.equal(reverse('web', foreign), 'foreign');
  }
});

test('names go with their container, and are not asked for elsewhere afterwards', () => {
  const names = book();
  names.removeSandbox('db');
  assert.equal(found(names.find('web', 'db', DNS_TYPE.A)), 'nothing');
  assert.equal(found(names.find('web', 'db.front', DNS_TYPE.A)), 'nothing');
  assert.equal(found(names.find('web', '2.0.1.10.in-addr.arpa', DNS_TYPE.PTR)), 'nothing');
  assert.equal(found(names.find('other', 'db', DNS_TYPE.A)), 'foreign');
});

test('an alias of several leads to all of them; one that goes takes only its own address along', () => {
  const names = book();
  for (const number of [4, 5]) {
    names.setSandbox(
      sandbox(`s${number}`, [endpoint('n1', { names: ['service'], addresses: [`10.1.0.${number}`] })]),
    );
  }
  assert.deepEqual(found(names.find('web', 'service', DNS_TYPE.A)), ['10.1.0.4', '10.1.0.5']);
  names.setSandbox(sandbox('s4', [endpoint('n1', { names: ['renamed'], addresses: ['10.1.0.4'] })]));
  assert.deepEqual(found(names.find('web', 'service', DNS_TYPE.A)), ['10.1.0.5']);
  assert.deepEqual(found(names.find('web', 'renamed', DNS_TYPE.A)), ['10.1.0.4']);
});

test('findForHost(): every name of every network in a zone of its own, and nothing else', () => {
  const names = book();
  const ask = (name: string, type: number = DNS_TYPE.A): unknown => found(names.findForHost(name, type));
  assert.deepEqual(ask('db.front.quai.internal'), ['10.1.0.2', '0.0.0.2']);
  assert.deepEqual(ask('other.app.quai.internal'), ['10.2.0.2']);
  assert.equal(ask('other.front.quai.internal'), 'nothing');
  assert.equal(ask('front.quai.internal'), 'nothing');
  assert.equal(ask('db.front'), 'foreign');
  assert.deepEqual(ask('2.0.1.10.in-addr.arpa', DNS_TYPE.PTR), ['db.front.quai.internal']);
  assert.equal(ask('8.8.8.8.in-addr.arpa', DNS_TYPE.PTR), 'foreign');
});

test('departed names are forgotten, oldest first, before they take much memory', () => {
  const names = book();
  for (let number = 0; number < 1_100; number += 1) {
    names.setSandbox(sandbox('x', [endpoint('n1', { names: [`x${number}`] })]));
  }
  names.removeSandbox('x');
  assert.equal(found(names.find('web', 'x0', DNS_TYPE.A)), 'foreign');
  assert.equal(found(names.find('web', 'x1099', DNS_TYPE.A)), 'nothing');
});
