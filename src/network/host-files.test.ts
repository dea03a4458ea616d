import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostResolvConf, type ResolvRequest, resolvConf } from './dns/resolv-conf.ts';
import { parseExtraHost } from './extra-host.ts';
import { type HostsRequest, hostnameFile, hostsFile, hostsFileOfHost } from './host-files.ts';

const HOSTS: HostsRequest = {
  hostname: 'abc',
  domainname: '',
  addresses: ['172.17.0.2'],
  hasIpv6: true,
  extraHosts: [],
  hostGateways: ['172.17.0.1'],
  links: [],
};

test('hostsFile(): localhost, what the client adds, then the container itself', () => {
  const content = hostsFile({
    ...HOSTS,
    addresses: ['172.17.0.2', 'fd00::2'],
    domainname: 'example.org',
    extraHosts: ['db:10.0.0.1', 'six=[::2]', 'host.docker.internal:host-gateway'],
    links: [
      { alias: 'cache', hostname: 'f00', name: 'redis', address: '172.17.0.9' },
      { alias: 'same', hostname: 'same', name: 'same', address: '172.17.0.8' },
    ],
  });
  assert.equal(
    content,
    [
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::\tip6-localnet',
      'ff00::\tip6-mcastprefix',
      'ff02::1\tip6-allnodes',
      'ff02::2\tip6-allrouters',
      '172.17.0.9\tcache f00 redis',
      '172.17.0.8\tsame',
      '10.0.0.1\tdb',
      '::2\tsix',
      '172.17.0.1\thost.docker.internal',
      '172.17.0.2\tabc.example.org abc',
      'fd00::2\tabc.example.org abc',
      '',
    ].join('\n'),
  );
});

test('hostsFile() without IPv6 names no IPv6 addresses', () => {
  assert.equal(hostsFile({ ...HOSTS, hasIpv6: false }), '127.0.0.1\tlocalhost\n172.17.0.2\tabc\n');
});

test('hostsFileOfHost() keeps the host’s lines and adds the client’s', () => {
  const request = { extraHosts: ['db:10.0.0.1'], hostGateways: [] };
  assert.equal(
    hostsFileOfHost('127.0.0.1 localhost\n# x\n', request),
    '127.0.0.1 localhost\n# x\n10.0.0.1\tdb\n',
  );
});

test('hostnameFile()', () => {
  assert.equal(hostnameFile({ hostname: 'abc', domainname: '' }), 'abc\n');
  assert.equal(hostnameFile({ hostname: 'abc', domainname: 'example.org' }), 'abc.example.org\n');
});

const extraHosts: readonly (readonly [string, string])[] = [
  ['db:10.0.0.1', 'db 10.0.0.1'],
  ['db=10.0.0.1', 'db 10.0.0.1'],
  ['db:::1', 'db ::1'],
  ['db:[::1]', 'db ::1'],
  ['db=::1', 'db ::1'],
  ['host:host-gateway', 'host host-gateway'],
  ['db', 'bad format for add-host: "db"'],
  [':10.0.0.1', 'bad format for add-host: ":10.0.0.1"'],
  ['a:b=1.2.3.4', 'bad format for add-host: "a:b=1.2.3.4"'],
  ['a b:1.2.3.4', 'bad format for add-host: "a b:1.2.3.4"'],
  ['a\n1.2.3.4 bank.example:1.1.1.1', 'bad format for add-host: "a\n1.2.3.4 bank.example:1.1.1.1"'],
  ['db:1.2', 'invalid IP address in add-host: "1.2"'],
  ['db:', 'invalid IP address in add-host: ""'],
  ['db:1.2.3.4\nx', 'invalid IP address in add-host: "1.2.3.4\nx"'],
];

for (const [text, expected] of extraHosts) {
  test(`parseExtraHost(${JSON.stringify(text)})`, () => {
    assert.equal(
      outcome(() => {
        const { name, address } = parseExtraHost(text);
        return `${name} ${address}`;
      }),
      expected,
    );
  });
}

function outcome(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
}

const RESOLV: ResolvRequest = {
  hostContent:
    '# by hand\nnameserver 10.0.0.53\nsearch a.example b.example\noptions timeout:1\nsortlist 10.0.0.0\n',
  mode: 'direct',
  hasIpv6: false,
  servers: [],
  search: [],
  options: [],
};

const resolvs: readonly (readonly [string, Partial<ResolvRequest>, string])[] = [
  [
    'as the host has it',
    {},
    'nameserver 10.0.0.53|search a.example b.example|options timeout:1|sortlist 10.0.0.0',
  ],
  [
    '--dns replaces servers',
    { servers: ['1.1.1.1', '9.9.9.9'] },
    'nameserver 1.1.1.1|nameserver 9.9.9.9|search a.example b.example|options timeout:1|sortlist 10.0.0.0',
  ],
  [
    '--dns-search and --dns-option',
    { search: ['c.example'], options: ['ndots:2'] },
    'nameserver 10.0.0.53|search c.example|options ndots:2|sortlist 10.0.0.0',
  ],
  [
    '--dns-search . means none',
    { search: ['.'] },
    'nameserver 10.0.0.53|options timeout:1|sortlist 10.0.0.0',
  ],
  [
    'loopback servers are of no use',
    { hostContent: 'nameserver 127.0.0.1\nnameserver 10.0.0.1' },
    'nameserver 10.0.0.1',
  ],
  [
    'nothing left: defaults',
    { hostContent: 'nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0' },
    'nameserver 8.8.8.8|nameserver 8.8.4.4',
  ],
  [
    'nothing left, with IPv6',
    { hostContent: '', hasIpv6: true },
    'nameserver 8.8.8.8|nameserver 8.8.4.4|nameserver 2001:4860:4860::8888|nameserver 2001:4860:4860::8844',
  ],
  [
    'IPv6 servers without IPv6',
    { hostContent: 'nameserver fd00::1\nnameserver 10.0.0.1' },
    'nameserver 10.0.0.1',
  ],
  ['IPv6 servers with IPv6', { hostContent: 'nameserver fd00::1', hasIpv6: true }, 'nameserver fd00::1'],
  [
    'a loopback server the client named stays',
    { servers: ['127.0.0.1'], hostContent: '' },
    'nameserver 127.0.0.1',
  ],
  [
    'host: loopback is right there',
    { mode: 'host', hostContent: 'nameserver 127.0.0.53' },
    'nameserver 127.0.0.53',
  ],
  [
    'what is no address is dropped',
    { hostContent: 'nameserver x\nnameserver 10.0.0.1 # y\n nameserver\t10.0.0.2' },
    'nameserver 10.0.0.1|nameserver 10.0.0.2',
  ],
  [
    'domain is an old word for search; the last counts',
    { hostContent: 'nameserver 1.1.1.1\nsearch a\ndomain b' },
    'nameserver 1.1.1.1|search b',
  ],
  [
    'internal',
    { mode: 'internal' },
    'nameserver 127.0.0.11|search a.example b.example|options timeout:1 ndots:0|sortlist 10.0.0.0',
  ],
  [
    'internal keeps a valid ndots',
    { mode: 'internal', options: ['ndots:5'], search: ['.'] },
    'nameserver 127.0.0.11|options ndots:5|sortlist 10.0.0.0',
  ],
  [
    'internal replaces a bad ndots',
    { mode: 'internal', options: ['ndots:x'], search: ['.'] },
    'nameserver 127.0.0.11|options ndots:0|sortlist 10.0.0.0',
  ],
];

for (const [what, change, expected] of resolvs) {
  test(`resolvConf(): ${what}`, () => {
    const { content, upstreams } = resolvConf({ ...RESOLV, ...change });
    assert.equal(content, `${expected.replaceAll('|', '\n')}\n`);
    assert.equal(upstreams.length > 0, change.mode === 'internal');
  });
}

const upstreams: readonly (readonly [string, Partial<ResolvRequest>, string[]])[] = [
  ['the host’s', {}, ['10.0.0.53']],
  ['loopback of the host', { hostContent: 'nameserver 127.0.0.53' }, ['127.0.0.53 from the host']],
  ['scoped', { hostContent: 'nameserver fe80::1%eth0', hasIpv6: true }, ['fe80::1%eth0 from the host']],
  ['IPv6 without IPv6', { hostContent: 'nameserver fd00::1' }, ['fd00::1 from the host']],
  ['loopback of the container', { servers: ['127.0.0.1'] }, ['127.0.0.1']],
  ['none', { hostContent: '' }, ['8.8.8.8', '8.8.4.4']],
];

for (const [what, change, expected] of upstreams) {
  test(`resolvConf(): upstream servers, ${what}`, () => {
    const found = resolvConf({ ...RESOLV, mode: 'internal', ...change }).upstreams;
    assert.deepEqual(
      found.map(({ address, isHostOnly }) => (isHostOnly ? `${address} from the host` : address)),
      expected,
    );
  });
}

test('hostResolvConf() looks behind systemd’s stub, and only behind that', () => {
  assert.equal(hostResolvConf('nameserver 127.0.0.53', 'nameserver 10.0.0.1'), 'nameserver 10.0.0.1');
  assert.equal(hostResolvConf('nameserver 127.0.0.53', undefined), 'nameserver 127.0.0.53');
  assert.equal(hostResolvConf('nameserver 127.0.0.53', '# none'), 'nameserver 127.0.0.53');
  assert.equal(hostResolvConf('nameserver 10.0.0.2', 'nameserver 10.0.0.1'), 'nameserver 10.0.0.2');
});
