import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lookUpUser, resolveUser } from './user-lookup.ts';

const FILES = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    'web:x:33:44:web:/var/www:/bin/sh',
    '1000:x:5:5:named by a number:/five:/bin/sh',
    'broken:x:none:0::/:',
    'huge:x:4294967296:0::/:',
    'homeless:x:70:70:::',
    'short',
    '# comment',
    '',
  ].join('\n'),
  group: 'root:x:0:\nweb:x:44:\naudio:x:29:web,other\nvideo:x:30:other,web\n77:x:88:\nbad:x:zero:web\n',
};

test('resolveUser() finds names, numbers and groups', () => {
  const cases: [string, number, number, number[], string][] = [
    ['', 0, 0, [0], '/root'],
    ['root', 0, 0, [0], '/root'],
    ['web', 33, 44, [44, 29, 30], '/var/www'],
    ['33', 33, 44, [44, 29, 30], '/var/www'],
    ['web:', 33, 44, [44, 29, 30], '/var/www'],
    ['web:audio', 33, 29, [29], '/var/www'],
    ['web:29', 33, 29, [29], '/var/www'],
    [':audio', 0, 29, [29], '/root'],
    ['1234', 1234, 0, [0], '/'],
    ['1234:5678', 1234, 5678, [5678], '/'],
    ['homeless', 70, 70, [70], '/'],
  ];
  for (const [spec, uid, gid, groups, home] of cases) {
    assert.deepEqual(resolveUser(FILES, spec), { uid, gid, groups, home }, spec);
  }
});

test('resolveUser() never takes a number for a name', () => {
  assert.equal(resolveUser(FILES, '1000').uid, 1000);
  assert.equal(resolveUser(FILES, 'web:77').gid, 77);
  assert.deepEqual(resolveUser(FILES, 'web:web', ['77']).groups, [44, 77]);
});

test('resolveUser() adds groups by name and number', () => {
  assert.deepEqual(resolveUser(FILES, 'web:web', ['audio', '1234', '44']).groups, [44, 29, 1234]);
  assert.throws(() => resolveUser(FILES, '', ['nope']), {
    message: 'unable to find group nope: no matching entries in group file',
  });
});

test('resolveUser() refuses unknown names in the words of Docker', () => {
  for (const [spec, message] of [
    ['foo', 'unable to find user foo: no matching entries in passwd file'],
    ['web:foo', 'unable to find group foo: no matching entries in group file'],
    ['broken', 'unable to find user broken: no matching entries in passwd file'],
    ['huge', 'unable to find user huge: no matching entries in passwd file'],
  ] as const) {
    assert.throws(() => resolveUser(FILES, spec), { kind: 'invalid', message });
  }
});

test('resolveUser() refuses numbers the kernel would wrap around', () => {
  for (const spec of ['4294967296', '2147483648', '-1', '99999999999999999999', '0:4294967296', '0:-1']) {
    assert.throws(
      () => resolveUser(FILES, spec),
      { message: 'uids and gids must be in range 0-2147483647' },
      spec,
    );
  }
  assert.throws(() => resolveUser(FILES, '', ['4294967296']), /must be in range/);
  assert.equal(resolveUser(FILES, '2147483647').uid, 2147483647);
});

test('resolveUser() needs no files for numbers', () => {
  const none = { passwd: undefined, group: undefined };
  assert.deepEqual(resolveUser(none, '7:8'), { uid: 7, gid: 8, groups: [8], home: '/' });
  assert.deepEqual(resolveUser(none, ''), { uid: 0, gid: 0, groups: [0], home: '/' });
});

test('resolveUser() refuses files with too many entries', () => {
  const passwd = 'a:x:1:1::/:\n'.repeat(10_001);
  assert.throws(() => resolveUser({ passwd, group: undefined }, 'a'), {
    message: '/etc/passwd of the image has more than 10000 entries',
  });
});

test('lookUpUser() reads the files beneath the root only, up to their bound', () => {
  const root = mkdtempSync(join(tmpdir(), 'quai-user-'));
  try {
    mkdirSync(join(root, 'etc'));
    symlinkSync('/etc/passwd', join(root, 'etc/group')); // of the image, which has none yet
    writeFileSync(join(root, 'etc/real'), FILES.passwd);
    symlinkSync('../../../../etc/real', join(root, 'etc/passwd'));
    assert.equal(lookUpUser(root, 'web').uid, 33);
    assert.throws(() => lookUpUser(root, 'daemon'), /unable to find user daemon/, 'the host has one');

    rmSync(join(root, 'etc/group'));
    writeFileSync(join(root, 'etc/group'), '');
    truncateSync(join(root, 'etc/group'), 200 * 1024 * 1024);
    assert.throws(() => lookUpUser(root, 'web'), {
      kind: 'invalid',
      message: '/etc/group of the image is larger than 1048576 bytes',
    });
    assert.equal(lookUpUser(root, '5:6').gid, 6, 'no group has to be looked up');
  } finally {
    rmSync(root, { recursive: true });
  }
});
