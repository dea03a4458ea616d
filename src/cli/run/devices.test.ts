import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDevices } from './devices.ts';

function device(text: string): string {
  const [mapping] = readDevices({ device: [text], gpus: '' }).mappings;
  return mapping ? `${mapping.PathOnHost} ${mapping.PathInContainer} ${mapping.CgroupPermissions}` : '';
}

test('--device reads paths and permissions', () => {
  assert.equal(device('/dev/null'), '/dev/null /dev/null rwm');
  assert.equal(device('/dev/zero:/dev/z'), '/dev/zero /dev/z rwm');
  assert.equal(device('/dev/fuse:r'), '/dev/fuse /dev/fuse r');
  assert.equal(device('/dev/a:/dev/b:rw'), '/dev/a /dev/b rw');
});

for (const [text, message] of [
  ['/dev/a:/dev/b:rx', 'bad mode specified: rx'],
  ['/dev/a:/dev/b:rr', 'bad mode specified: rr'],
  ['/dev/a:b', 'b is not an absolute path'],
  ['/a:/b:r:w', 'bad format for path: /a:/b:r:w'],
  ['', 'bad format for path: '],
] as const) {
  test(`--device ${text} is refused`, () => assert.throws(() => device(text), { message }));
}

test('--device takes names of the Container Device Interface', () => {
  assert.deepEqual(readDevices({ device: ['nvidia.com/gpu=all', '/dev/x'], gpus: '' }).requests, [
    { Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=all'] },
  ]);
});

for (const [text, expected] of [
  ['all', { Count: -1, Capabilities: [['gpu']] }],
  ['2', { Count: 2, Capabilities: [['gpu']] }],
  ['device=0', { DeviceIDs: ['0'], Capabilities: [['gpu']] }],
  ['"device=0,1",driver=nvidia', { DeviceIDs: ['0', '1'], Driver: 'nvidia', Capabilities: [['gpu']] }],
  ['"capabilities=utility,compute"', { Count: 1, Capabilities: [['utility', 'compute', 'gpu']] }],
  ['count=1,options=a=b', { Count: 1, Options: { a: 'b' }, Capabilities: [['gpu']] }],
] as const) {
  test(`--gpus ${text}`, () =>
    assert.deepEqual(readDevices({ device: [], gpus: text }).requests, [expected]));
}

test('--gpus refuses what it does not know', () => {
  assert.throws(() => readDevices({ device: [], gpus: 'some' }), {
    message:
      'invalid argument "some" for "--gpus" flag: invalid count (some): value must be either "all" or an integer',
  });
  assert.throws(() => readDevices({ device: [], gpus: 'count=1,2' }), /can be specified only once/);
  assert.throws(() => readDevices({ device: [], gpus: 'foo=1' }), /unexpected key 'foo' in 'foo=1'/);
});
