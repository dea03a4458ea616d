import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import type { ReserveOptions } from '#sys/inet-socket';
import { SysError } from '#sys/sys-error';
import type { PortRequest } from './network.ts';
import { PortBook, type Reservation } from './port-book.ts';

const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;
const EPROTONOSUPPORT = 93;

function setUp(
  options: {
    hasIpv6?: boolean;
    refuse?: (options: ReserveOptions) => number | undefined;
    beginWith?: number;
  } = {},
) {
  const opened: string[] = [];
  const book = new PortBook({
    hasIpv6: () => options.hasIpv6 ?? true,
    ephemeralRange: () => [40_000, 40_003],
    beginWith: first => options.beginWith ?? first,
    reserve: asked => {
      const errno = options.refuse?.(asked);
      if (errno !== undefined) throw new SysError('bind', errno);
      const kind = asked.isDualStack ? 'both' : `${asked.address.length}`;
      opened.push(`${asked.protocol} ${kind} ${asked.port}`);
      return openSync('/dev/null', 'r');
    },
  });
  return { book, opened };
}

function request(hostPort: number, partial: Partial<PortRequest> = {}): PortRequest {
  return {
    protocol: 'tcp',
    containerPort: 80,
    hostIp: '',
    hostPortFirst: hostPort,
    hostPortLast: hostPort,
    ...partial,
  };
}

const shown = (reservations: readonly Reservation[]): string[] =>
  reservations.flatMap(one => one.ports.map(port => `${port.hostIp} ${port.hostPort}/${port.protocol}`));

test('take() without an address takes both families with one socket', () => {
  const { book, opened } = setUp();
  const taken = book.take('c1', [request(8080), request(8080, { protocol: 'udp' })]);
  assert.deepEqual(shown(taken), ['0.0.0.0 8080/tcp', ':: 8080/tcp', '0.0.0.0 8080/udp', ':: 8080/udp']);
  assert.deepEqual(opened, ['tcp both 8080', 'udp both 8080']);
  book.release(taken);
  const ipv4Only = setUp({ hasIpv6: false });
  assert.deepEqual(shown(ipv4Only.book.take('c1', [request(1)])), ['0.0.0.0 1/tcp']);
  assert.deepEqual(ipv4Only.opened, ['tcp 4 1']);
});

test('take() names the container that has a port; wildcards and addresses of one family collide', () => {
  const cases: readonly [string, string, boolean][] = [
    ['', '', true],
    ['', '127.0.0.1', true],
    ['127.0.0.1', '0.0.0.0', true],
    ['127.0.0.1', '127.0.0.2', false],
    ['0.0.0.0', '::', false],
    ['::1', '[::]', true],
    ['[::1]', '127.0.0.1', false],
    ['::ffff:127.0.0.1', '127.0.0.1', true],
  ];
  for (const [first, second, collides] of cases) {
    const { book } = setUp();
    book.take('c1', [request(80, { hostIp: first })]);
    const attempt = (): unknown => book.take('c2', [request(80, { hostIp: second })]);
    if (collides) assert.throws(attempt, { name: 'PortConflict', holder: 'c1', code: 'EADDRINUSE' });
    else assert.doesNotThrow(attempt, `${first} and ${second}`);
  }
});

test('take() gives everything back when one port cannot be had', () => {
  const { book } = setUp({ refuse: ({ port }) => (port === 81 ? EADDRINUSE : undefined) });
  assert.throws(() => book.take('c1', [request(80), request(81)]), {
    name: 'PortConflict',
    holder: undefined,
  });
  assert.doesNotThrow(() => book.take('c2', [request(80)]));
});

test('take() goes through a range, and through the ephemeral ones in turn', () => {
  const { book } = setUp({ refuse: ({ port }) => (port === 40_001 || port === 90 ? EADDRINUSE : undefined) });
  const range = { hostPortFirst: 90, hostPortLast: 92 };
  assert.deepEqual(shown(book.take('c1', [request(0, range)])), ['0.0.0.0 91/tcp', ':: 91/tcp']);
  const ephemeral = (): string => shown(book.take('c', [request(0)]))[0] ?? '';
  const first = book.take('c', [request(0)]);
  assert.deepEqual(shown(first)[0], '0.0.0.0 40000/tcp');
  book.release(first);
  assert.deepEqual(
    [ephemeral(), ephemeral(), ephemeral()],
    ['0.0.0.0 40002/tcp', '0.0.0.0 40003/tcp', '0.0.0.0 40000/tcp'],
  );
  assert.throws(ephemeral, { name: 'PortConflict' });
});

test('take() begins with any ephemeral port, and goes round: another engine that is away may still have rules for the first', () => {
  const { book } = setUp({ beginWith: 40_003 });
  const ephemeral = (): string => shown(book.take('c', [request(0)]))[0] ?? '';
  assert.deepEqual([ephemeral(), ephemeral()], ['0.0.0.0 40003/tcp', '0.0.0.0 40000/tcp']);
});

test('engines do not all begin with the same ephemeral port', () => {
  const first = (): string => {
    const book = new PortBook({
      hasIpv6: () => false,
      ephemeralRange: () => [32_768, 60_999],
      reserve: () => openSync('/dev/null', 'r'),
    });
    return shown(book.take('c', [request(0)]))[0] ?? '';
  };
  assert.ok(new Set(Array.from({ length: 8 }, first)).size > 1);
});

test('take() does not try a range further when the address is not the host’s', () => {
  let tries = 0;
  const { book } = setUp({
    refuse: () => {
      tries += 1;
      return EADDRNOTAVAIL;
    },
  });
  const asked = request(0, { hostIp: '192.0.2.1', hostPortFirst: 1, hostPortLast: 9 });
  assert.throws(() => book.take('c', [asked]), { code: 'EADDRNOTAVAIL' });
  assert.equal(tries, 1);
  assert.throws(() => book.take('c', [request(1, { hostIp: 'localhost' })]), { kind: 'invalid' });
});

test('what the kernel cannot reserve is still ours among containers', () => {
  const { book } = setUp({ refuse: ({ protocol }) => (protocol === 'sctp' ? EPROTONOSUPPORT : undefined) });
  const [taken] = book.take('c1', [request(80, { protocol: 'sctp' })]);
  assert.equal(taken?.fd, -1);
  assert.throws(() => book.take('c2', [request(80, { protocol: 'sctp' })]), { holder: 'c1' });
});

test('retake() joins the wildcards again, and tells what was lost', () => {
  const { book, opened } = setUp({ refuse: ({ port }) => (port === 81 ? EADDRINUSE : undefined) });
  const port = (hostIp: string, hostPort: number) => ({
    protocol: 'tcp' as const,
    containerPort: 80,
    hostIp,
    hostPort,
  });
  const { lost, reservations } = book.retake('c1', [
    port('0.0.0.0', 80),
    port('::', 80),
    port('0.0.0.0', 81),
    port('::1', 82),
  ]);
  assert.deepEqual(opened, ['tcp both 80', 'tcp 16 82']);
  assert.deepEqual(lost, [port('0.0.0.0', 81)]);
  assert.throws(() => book.take('c2', [request(81)]), { holder: 'c1' }, 'lost or not, the container has it');
  book.release(reservations);
});

test('release() closes descriptors unless something else has adopted them', () => {
  const { book } = setUp();
  const [one] = book.take('c1', [request(80)]);
  book.release(one ? [one] : []);
  assert.throws(() => closeSync(one?.fd ?? -1), { code: 'EBADF' });
  const [other] = book.take('c1', [request(80)]);
  book.release(other ? [other] : [], { isAdopted: true });
  closeSync(other?.fd ?? -1);
});
