import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withServerAddress } from './server-address.ts';

const cases: readonly (readonly [type: string, source: string, options: string, expected: string])[] = [
  ['nfs', ':/export', 'addr=store.test,rw', 'rw,addr=10.0.0.9'],
  ['nfs', ':/export', 'addr=192.0.2.1,nfsvers=4', 'nfsvers=4,addr=192.0.2.1'],
  ['nfs4', 'store.test:/export', 'soft', 'soft,addr=10.0.0.9'],
  ['nfs', '[2001:db8::1]:/export', '', 'addr=2001:db8::1'],
  ['cifs', '//store.test/share', 'username=u,password=p', 'username=u,password=p,addr=10.0.0.9'],
  ['cifs', '//192.0.2.1/share', '', 'addr=192.0.2.1'],
  ['nfs', ':/export', 'rw', 'rw'],
  ['ext4', '/dev/sda', 'addr=store.test', 'addr=store.test'],
];
for (const [type, source, options, expected] of cases) {
  test(`withServerAddress() makes "${expected}" of ${type} ${source} "${options}"`, async () => {
    const spec = { type, source, options: options.split(',').filter(Boolean) };
    const { options: made } = await withServerAddress(spec, () => Promise.resolve('10.0.0.9'));
    assert.equal(made.join(','), expected);
  });
}

test('withServerAddress() passes on that a name is not known', async () => {
  const spec = { type: 'nfs', source: ':/x', options: ['addr=nowhere.test'] };
  await assert.rejects(
    withServerAddress(spec, () => Promise.reject(new Error('no'))),
    /no/,
  );
});
