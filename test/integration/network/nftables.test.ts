import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { test } from 'node:test';
import { NftError, openNftLibrary, openNftProgram } from '#sys/nftables';
import { becomeHost, NetworkFixture, port, whyNot } from './network-fixture.ts';
import { ask } from './talk.ts';

const skip = whyNot() ?? false;
if (!skip) becomeHost();

for (const [name, open] of [
  ['the library', openNftLibrary],
  ['the program', openNftProgram],
] as const) {
  test(`nftables by ${name}: a transaction is made whole or not at all, and refusals say why`, {
    skip,
  }, () => {
    using nft = open();
    assert.ok(nft);
    nft.run('table inet t { set s { type ipv4_addr; }; }\nadd element inet t s { 10.0.0.1 }');
    assert.throws(
      () => nft.run('add element inet t s { 10.0.0.2 }\nadd element inet nowhere s { 10.0.0.3 }'),
      (error: unknown) => error instanceof NftError && error.reason.includes('No such file or directory'),
    );
    assert.throws(() => nft.run('add add'), { name: 'NftError', message: /syntax error/ });
    assert.match(nft.list('list set inet t s'), /elements = \{ 10\.0\.0\.1 \}/);
    nft.run('delete table inet t');
  });
}

test('nftables by the library: signals in the middle do no harm', { skip }, async () => {
  using nft = openNftLibrary();
  assert.ok(nft);
  nft.run('table inet t { set s { type ipv4_addr; }; }');
  // A profiler interrupts this thread twenty thousand times a second.
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 50 });
  await session.post('Profiler.start');
  for (let round = 0; round < 500; round += 1) {
    nft.run('add element inet t s { 10.0.0.1 }');
    nft.run('delete element inet t s { 10.0.0.1 }');
  }
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  assert.ok((profile.samples?.length ?? 0) > 100, 'there were signals');
  nft.run('delete table inet t');
});

test('nothing that networking opens stays open in programs started later', { skip }, async () => {
  const before = inherited();
  await using fixture = await NetworkFixture.open();
  await fixture.run('web', { ports: [port(80, 8080), port(53, 5353, { protocol: 'udp' })] });
  await ask({ protocol: 'tcp', address: '::1', port: 8080, timeoutMs: 100 });
  assert.deepEqual(inherited(), before);
});

/** proc_pid_fdinfo(5): `flags` in octal; without O_CLOEXEC a descriptor passes to every program. */
function inherited(): string[] {
  return readdirSync('/proc/self/fdinfo').filter(fd => {
    try {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
      return (Number.parseInt(flags ?? '0', 8) & 0o2000000) === 0;
    } catch {
      return false; // closed meanwhile
    }
  });
}
