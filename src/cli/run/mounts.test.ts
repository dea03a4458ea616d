import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMounts } from './mounts.ts';

const files = { resolve: (name: string): string => `/here/${name}` };

for (const [text, expected] of [
  ['target=/b', { Type: 'volume', Target: '/b' }],
  ['type=bind,source=/a,target=/b,readonly', { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true }],
  ['type=bind,src=./x,dst=/b,ro=false', { Type: 'bind', Source: '/here/./x', Target: '/b' }],
  [
    'type=bind,src=/a,destination=/b,bind-propagation=RShared,bind-recursive=disabled',
    { Type: 'bind', Source: '/a', Target: '/b', BindOptions: { Propagation: 'rshared', NonRecursive: true } },
  ],
  [
    'type=bind,src=/a,dst=/b,ro,bind-recursive=readonly,bind-propagation=rprivate',
    {
      Type: 'bind',
      Source: '/a',
      Target: '/b',
      ReadOnly: true,
      BindOptions: { ReadOnlyForceRecursive: true, Propagation: 'rprivate' },
    },
  ],
  [
    'type=volume,src=v,dst=/b,volume-nocopy,volume-label=a=b,volume-label=c,volume-driver=d,volume-opt=e=f=g,volume-subpath=h',
    {
      Type: 'volume',
      Source: 'v',
      Target: '/b',
      VolumeOptions: {
        NoCopy: true,
        Labels: { a: 'b', c: '' },
        DriverConfig: { Name: 'd', Options: { e: 'f=g' } },
        Subpath: 'h',
      },
    },
  ],
  [
    'type=tmpfs,dst=/b,tmpfs-size=64m,tmpfs-mode=1770',
    { Type: 'tmpfs', Target: '/b', TmpfsOptions: { SizeBytes: 67108864, Mode: 0o1770 } },
  ],
  [
    'type=image,src=busybox,dst=/b,image-subpath=x',
    { Type: 'image', Source: 'busybox', Target: '/b', ImageOptions: { Subpath: 'x' } },
  ],
  ['type=bind,"src=/a,b",dst=/c', { Type: 'bind', Source: '/a,b', Target: '/c' }],
] as const) {
  test(`--mount ${text}`, () => assert.deepEqual(readMounts([text], files), [expected]));
}

for (const [text, reason] of [
  ['type=bind,source=/a', 'target is required'],
  ['type=,target=/a', 'type is required'],
  ['type=bind,foo=bar,target=/a', "unexpected key 'foo' in 'foo=bar'"],
  ['type=bind,source,target=/a', "invalid field 'source' must be a key=value pair"],
  ['target=/b,ro=maybe', 'invalid value for ro: maybe'],
  ['type=tmpfs,target=/b,tmpfs-size=x', 'invalid value for tmpfs-size: x'],
  ['type=tmpfs,target=/b,tmpfs-mode=9', 'invalid value for tmpfs-mode: 9'],
  ['type=tmpfs,target=/b,bind-propagation=shared', "cannot mix 'bind-*' options with mount type 'tmpfs'"],
  ['type=bind,target=/b,src=/a,volume-nocopy', "cannot mix 'volume-*' options with mount type 'bind'"],
  [
    'type=bind,src=/a,dst=/b,bind-recursive=writable',
    "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
  ],
  [
    'type=bind,src=/a,dst=/b,ro,bind-recursive=readonly',
    "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
  ],
  ['type=bind,"src=/a,dst=/b', 'parse error: extraneous or missing " in quoted-field'],
  ['constructor=x,target=/b', "unexpected key 'constructor' in 'constructor=x'"],
] as const) {
  test(`--mount ${text} is refused: ${reason}`, () => {
    assert.throws(() => readMounts([text], files), {
      name: 'UsageError',
      message: `invalid argument ${JSON.stringify(text)} for "--mount" flag: ${reason}`,
    });
  });
}
