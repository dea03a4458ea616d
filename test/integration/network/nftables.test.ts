import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { test } from 'node:test';
import { NftError, openNftLibrary, openNftProgram } from '#sys/nftables';
import { becomeHost, whyNot } from './network-fixture.ts';

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
