import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRunMount, resolveRunMount } from './run-mount.ts';

const resolved = (text: string): object =>
  resolveRunMount(parseRunMount(text), word => word.replace('$N', 'name'));

const OWNER = { uid: 0, gid: 0 };

for (const [text, mount] of [
  ['target=/x', { type: 'bind', source: '/', target: '/x', isWritable: false }],
  [
    'type=bind,from=build,src=out,dst=/in,rw',
    { type: 'bind', from: 'build', source: 'out', target: '/in', isWritable: true },
  ],
  [
    'type=cache,target=/root/.cache',
    {
      type: 'cache',
      id: '/root/.cache',
      source: '/',
      target: '/root/.cache',
      isReadOnly: false,
      sharing: 'shared',
      mode: 0o755,
      ...OWNER,
    },
  ],
  [
    'type=CACHE,destination=c,id=$N,sharing=Private,mode=1777,uid=7,gid=8,ro=true',
    {
      type: 'cache',
      id: 'name',
      source: '/',
      target: 'c',
      isReadOnly: true,
      sharing: 'private',
      mode: 0o1777,
      uid: 7,
      gid: 8,
    },
  ],
  ['type=tmpfs,target=/t,size=1.5m', { type: 'tmpfs', target: '/t', sizeBytes: 1_572_864 }],
  [
    'type=secret,id=dir/aws,required',
    { type: 'secret', id: 'dir/aws', target: '/run/secrets/aws', isRequired: true, mode: 0o400, ...OWNER },
  ],
  [
    'type=secret,target=/k/key',
    { type: 'secret', id: 'key', target: '/k/key', isRequired: false, mode: 0o400, ...OWNER },
  ],
  [
    'type=secret,id=t,env=TOKEN',
    { type: 'secret', id: 't', env: 'TOKEN', isRequired: false, mode: 0o400, ...OWNER },
  ],
  ['type=ssh', { type: 'ssh', id: 'default', isRequired: false, mode: 0o600, ...OWNER }],
  ['"target=/a,b",readonly', { type: 'bind', source: '/', target: '/a,b', isWritable: false }],
] as const) {
  test(`a mount of ${text}`, () => {
    assert.deepEqual(resolved(text), mount);
  });
}

for (const [text, message] of [
  ['type=nfs', /unsupported mount type "nfs"/],
  ['type=cahce,target=/x', /did you mean cache\?/],
  ['target', /invalid field 'target' must be a key=value pair/],
  ['targt=/x', /unexpected key 'targt' in 'targt=\/x' \(did you mean target\?\)/],
  ['type=bind,target=/x,sharing=locked', /unexpected key 'sharing' for mount type 'bind'/],
  ['from=$X,target=/x', /'from' doesn't support variable expansion/],
  [
    'type=cache,target=/x,sharing=mine',
    /unsupported sharing value "mine": there are shared, private, locked/,
  ],
  ['type=cache,target=/x,mode=9', /invalid value 9 for mode/],
  ['type=cache,target=/x,uid=-1', /invalid value -1 for uid/],
  ['type=tmpfs,target=/x,size=many', /invalid value for size: many/],
  ['type=secret', /one of source, target required/],
  ['type=secret,id=a,source=b', /both source and id can't be set/],
  ['target=/x,rw=perhaps', /invalid value for readwrite: perhaps/],
] as const) {
  test(`a mount of ${text} is refused`, () => {
    assert.throws(() => parseRunMount(text), { kind: 'invalid', message });
  });
}

test('a wrong value that a variable brings is refused where it is resolved', () => {
  const mount = parseRunMount('type=cache,target=/x,mode=$MODE');
  assert.throws(() => resolveRunMount(mount, () => 'no'), { kind: 'invalid', message: /for mode/ });
});
