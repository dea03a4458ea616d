import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteString, displayName } from './byte-string.ts';
import type { TarEntry } from './tar-entry.ts';
import { type TarLimits, TarParser } from './tar-parser.ts';
import { TAR_END, type TarEntryInit, tarEntry, tarHeader } from './tar-writer.ts';

interface Seen extends TarEntry {
  readonly content: string;
}

/** Parses an archive given in pieces of `step` bytes. */
function read(
  archive: Buffer,
  { step = archive.length, ...limits }: Partial<TarLimits> & { step?: number } = {},
): Seen[] {
  const seen: Seen[] = [];
  let current: TarEntry | undefined;
  let parts: Buffer[] = [];
  const parser = new TarParser(
    {
      entry: entry => {
        current = entry;
        parts = [];
      },
      data: bytes => parts.push(Buffer.from(bytes)),
      endEntry: () => {
        assert.ok(current);
        seen.push({ ...current, content: Buffer.concat(parts).toString() });
      },
    },
    limits,
  );
  for (let offset = 0; offset < archive.length; offset += step)
    parser.write(archive.subarray(offset, offset + step));
  parser.end();
  return seen;
}

function archive(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, TAR_END]);
}

function one(init: TarEntryInit, content = ''): Seen {
  const [entry] = read(archive(tarEntry(init, content)));
  assert.ok(entry);
  return entry;
}

/** Changes header bytes and mends the checksum. */
function patched(header: Buffer, offset: number, bytes: Buffer | string): Buffer {
  Buffer.from(bytes).copy(header, offset);
  header.fill(' ', 148, 156);
  const sum = header.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** A PAX header with this body, for an entry named `f`. */
function withPax(body: string, entry = tarHeader({ path: 'f' })): Buffer {
  return archive(tarEntry({ path: 'pax', type: 'pax' }, body), entry);
}

function sparsePax(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([key, value]) => {
      const rest = ` GNU.sparse.${key}=${value}\n`;
      const length = rest.length + String(rest.length + 2).length;
      return `${length}${rest}`;
    })
    .join('');
}

function gnu(flag: string, name: string): Buffer {
  const header = patched(tarHeader({ path: '././@LongLink', size: name.length + 1 }), 156, flag);
  return Buffer.concat([header, Buffer.from(`${name}\0`), Buffer.alloc((1024 - name.length - 1) % 512)]);
}

test('the parser gives back what the writer wrote, however the bytes are cut', () => {
  const entries = archive(
    tarEntry({ path: 'd/', type: 'directory', mode: 0o1777, uid: 1, gid: 2, mtimeSeconds: 7 }),
    tarEntry(
      { path: 'd/f', mode: 0o4755, uid: 3_000_000, xattrs: new Map([['user.x', Buffer.from('a\n=b')]]) },
      'hello',
    ),
    tarEntry({ path: 'd/l', type: 'symlink', linkPath: '../x'.repeat(60) }),
    tarEntry({ path: 'd/h', type: 'hardlink', linkPath: 'd/f' }),
    tarEntry({ path: 'null', type: 'character', deviceMajor: 1, deviceMinor: 3 }),
    tarEntry({ path: 'p', type: 'fifo' }),
    tarEntry({ path: `${'n'.repeat(200)}/${byteString('ü')}` }, 'x'.repeat(1025)),
  );
  const whole = read(entries);
  assert.deepEqual(
    whole.map(({ path, type, content }) => [displayName(path).slice(-5), type, content.length]),
    [
      ['d/', 'directory', 0],
      ['d/f', 'file', 5],
      ['d/l', 'symlink', 0],
      ['d/h', 'hardlink', 0],
      ['null', 'character', 0],
      ['p', 'fifo', 0],
      ['nnn/ü', 'file', 1025],
    ],
  );
  assert.equal(whole[0]?.mode, 0o1777);
  assert.equal(whole[1]?.mode, 0o4755);
  assert.equal(whole[1]?.uid, 3_000_000);
  assert.deepEqual([...(whole[1]?.xattrs ?? [])], [['user.x', Buffer.from('a\n=b')]]);
  assert.equal(whole[2]?.linkPath, '../x'.repeat(60));
  assert.deepEqual([whole[4]?.deviceMajor, whole[4]?.deviceMinor], [1, 3]);
  for (const step of [1, 7, 511, 513, 700]) assert.deepEqual(read(entries, { step }), whole);
});

test('a name that is no UTF-8 survives byte for byte', () => {
  assert.equal(one({ path: 'caf\xe9' }).path, 'caf\xe9');
});

test('PAX values take the place of the header fields', () => {
  const [entry] = read(withPax('14 path=dir/x\n13 uid=70000\n'));
  assert.deepEqual([entry?.path, entry?.uid], ['dir/x', 70_000]);
});

for (const [text, seconds, nanos] of [
  ['1.5', 1, 500_000_000],
  ['-1.25', -2, 750_000_000],
  ['-3', -3, 0],
  ['0.1234567891', 0, 123_456_789],
] as const) {
  test(`PAX mtime ${text} is read exactly`, () => {
    const rest = ` mtime=${text}\n`;
    const [entry] = read(withPax(`${rest.length + 2}${rest}`));
    assert.deepEqual([entry?.mtimeSeconds, entry?.mtimeNanos], [seconds, nanos]);
  });
}

test('GNU long names and links apply to the next entry only', () => {
  const name = 'a'.repeat(300);
  const entries = read(
    archive(
      gnu('L', name),
      gnu('K', 'target'),
      tarHeader({ path: 'x', type: 'symlink', linkPath: 'y' }),
      tarHeader({ path: 'z' }),
    ),
  );
  assert.deepEqual(
    entries.map(({ path, linkPath }) => [path, linkPath]),
    [
      [name, 'target'],
      ['z', ''],
    ],
  );
});

test('base-256 numbers are read, negative times too', () => {
  const header = patched(tarHeader({ path: 'f' }), 136, Buffer.from('fffffffffffffffffffffffe', 'hex'));
  assert.equal(read(archive(header))[0]?.mtimeSeconds, -2);
});

test('a V7 name with a slash at its end is a directory', () => {
  const header = patched(tarHeader({ path: 'd/' }), 156, '\0');
  assert.equal(read(archive(header))[0]?.type, 'directory');
});

test('a map of many pieces takes no longer than its length, and one that is too long is refused at its first line', () => {
  const header = (map: string): Buffer =>
    withPax(
      sparsePax({ major: '1', minor: '0', realsize: '1000000', name: 'real' }),
      tarEntry({ path: 'f' }, map),
    );
  const pieces = Array.from({ length: 90_000 }, (_, index) => `${index}\n0\n`).join('');
  const map = `90000\n${pieces}`;
  const begin = performance.now();
  const [entry] = read(archive(header(map + '\0'.repeat(512 - (map.length % 512)))));
  assert.equal(entry?.sparse?.segments.length, 90_000);
  assert.ok(performance.now() - begin < 2000, 'not by the square');
  assert.throws(() => read(archive(header(`100001\n${'1\n'.repeat(1000)}`))), /too many pieces/);
  assert.throws(() => read(archive(header(`2\n${'1'.repeat(1000)}`))), /malformed sparse map/);
});

test('a sparse file comes with a map of its pieces', () => {
  const sparse = {
    realSize: 20,
    segments: [
      { offset: 5, length: 2 },
      { offset: 10, length: 1 },
    ],
  };
  const old = read(
    withPax(sparsePax({ map: '5,2,10,1', size: '20', name: 'real' }), tarEntry({ path: 'f' }, 'abc')),
  );
  assert.deepEqual([old[0]?.path, old[0]?.content, old[0]?.sparse], ['real', 'abc', sparse]);
  const map = Buffer.alloc(512);
  map.write('2\n5\n2\n10\n1\n');
  const body = Buffer.concat([map, Buffer.from('abc')]);
  const pax = withPax(
    sparsePax({ major: '1', minor: '0', realsize: '20', name: 'real' }),
    tarEntry({ path: 'f' }, body.toString('latin1')),
  );
  for (const step of [1, 100, pax.length]) {
    const [entry] = read(pax, { step });
    assert.deepEqual([entry?.path, entry?.content, entry?.size, entry?.sparse], ['real', 'abc', 3, sparse]);
  }
});

test('a hard link has no content even when its header has a size', () => {
  const link = patched(tarHeader({ path: 'l', type: 'hardlink', linkPath: 'f' }), 124, '00000000005\0');
  assert.deepEqual(
    read(archive(link, tarEntry({ path: 'g' }, 'x'))).map(entry => entry.path),
    ['l', 'g'],
  );
});

test('a global PAX header is ignored', () => {
  assert.deepEqual(
    read(archive(tarEntry({ path: 'g', type: 'paxGlobal' }, '15 path=evil/x\n'), tarHeader({ path: 'f' })))[0]
      ?.path,
    'f',
  );
});

test('what follows the end marker is ignored', () => {
  assert.equal(
    read(Buffer.concat([archive(tarHeader({ path: 'f' })), archive(tarHeader({ path: 'hidden' }))])).length,
    1,
  );
});

test('an archive that ends without the marker, but between entries, is complete', () => {
  assert.equal(read(tarEntry({ path: 'f' }, 'x').subarray(0, 513)).length, 1);
  assert.throws(() => read(tarEntry({ path: 'f' }, 'x').subarray(0, 514)), /unexpected end/);
  assert.equal(read(tarEntry({ path: 'f' }, 'x')).length, 1);
  assert.equal(read(archive()).length, 0);
});

const MANY_EXTENSIONS = Array.from({ length: 9 }, () => tarEntry({ path: 'x', type: 'pax' }, '9 a=bcde\n'));
const REFUSED: readonly (readonly [string, () => Buffer, RegExp])[] = [
  ['an empty stream', () => Buffer.alloc(0), /unexpected end/],
  ['a cut header', () => tarHeader({ path: 'f' }).subarray(0, 100), /unexpected end/],
  ['a cut content', () => tarEntry({ path: 'f' }, 'x'.repeat(600)).subarray(0, 1000), /unexpected end/],
  [
    'an archive cut after an extension header',
    () => tarEntry({ path: 'x', type: 'pax' }, '9 a=bcde\n'),
    /unexpected end/,
  ],
  [
    'an extension header without an entry',
    () => archive(tarEntry({ path: 'x', type: 'pax' }, '9 a=bcde\n')),
    /without an entry/,
  ],
  ['no tar at all', () => Buffer.from('<html>'.repeat(200)), /checksum/],
  [
    'data after one zero block',
    () => Buffer.concat([Buffer.alloc(512), tarHeader({ path: 'f' })]),
    /block of zeros/,
  ],
  ['a wrong checksum', () => archive(Buffer.from(tarHeader({ path: 'f' }).fill('g', 0, 1))), /checksum/],
  [
    'a size that is no number',
    () => archive(patched(tarHeader({ path: 'f' }), 124, '0000000000x\0')),
    /size is not a number/,
  ],
  [
    'a negative size',
    () => archive(patched(tarHeader({ path: 'f' }), 124, Buffer.from('ffffffffffffffffffffffff', 'hex'))),
    /negative size/,
  ],
  [
    'a giant base-256 size',
    () => archive(patched(tarHeader({ path: 'f' }), 124, Buffer.from('807fffffffffffffffffffff', 'hex'))),
    /out of range/,
  ],
  [
    'the owner -1',
    () => archive(patched(tarHeader({ path: 'f' }), 108, Buffer.from('80000000ffffffff', 'hex'))),
    /owner 4294967295/,
  ],
  ['an unknown type', () => archive(patched(tarHeader({ path: 'f' }), 156, 'Z')), /unsupported entry type/],
  [
    'a sparse file with more data than its map',
    () => archive(patched(tarHeader({ path: 'f', size: 512 }), 156, 'S'), Buffer.alloc(512)),
    /sparse map/,
  ],
  [
    'a sparse map that runs backwards',
    () => withPax(sparsePax({ map: '10,1,5,1', size: '20' }), tarEntry({ path: 'f' }, 'xx')),
    /sparse map/,
  ],
  [
    'a sparse map beyond the file',
    () => withPax(sparsePax({ map: '10,2', size: '11' }), tarEntry({ path: 'f' }, 'xx')),
    /sparse map/,
  ],
  [
    'a sparse map of odd length',
    () => withPax(sparsePax({ map: '1,2,3', size: '11' }), tarEntry({ path: 'f' }, 'xx')),
    /sparse map/,
  ],
  [
    'a sparse map without end',
    () =>
      withPax(
        sparsePax({ major: '1', minor: '0', realsize: '9' }),
        tarEntry({ path: 'f' }, `99999999\n${'1\n'.repeat(600)}`),
      ),
    /sparse map|too many pieces/,
  ],
  [
    'a sparse map that is no number',
    () =>
      withPax(
        sparsePax({ major: '1', minor: '0', realsize: '9' }),
        tarEntry({ path: 'f' }, '-1\n'.repeat(300)),
      ),
    /sparse map/,
  ],
  ['an unknown sparse format', () => withPax(sparsePax({ major: '2', minor: '0' })), /unknown sparse format/],
  [
    'a sparse directory',
    () => withPax(sparsePax({ map: '', size: '0' }), tarHeader({ path: 'd', type: 'directory' })),
    /only files can be sparse/,
  ],
  ['an empty name', () => archive(tarHeader({ path: '' })), /without a name/],
  ['a name of 5000 bytes', () => archive(tarHeader({ path: 'n'.repeat(5000) })), /name is too long/],
  [
    'a GNU name of 1 MiB',
    () => archive(patched(tarHeader({ path: 'x', size: 1 << 20 }), 156, 'L')),
    /too large/,
  ],
  ['a PAX header of 2 MiB', () => archive(tarHeader({ path: 'x', type: 'pax', size: 2 << 20 })), /too large/],
  ['nine extension headers in a row', () => archive(...MANY_EXTENSIONS), /too many extension/],
  ['a PAX record whose key contains NUL', () => withPax('9 a\0b=cd\n'), /malformed/],
  [
    'a global header between an extension header and its entry, which others apply to different entries',
    () => {
      const body = '13 path=evil\n';
      const extension = (type: 'pax' | 'paxGlobal') => tarEntry({ path: 'x', type }, body);
      return archive(extension('pax'), extension('paxGlobal'), tarHeader({ path: 'f' }));
    },
    /global header between/,
  ],
  [
    'a sparse file of two formats, whose name others take from elsewhere',
    () => {
      const header = patched(tarHeader({ path: 'f', size: 0 }), 156, 'S');
      return withPax(sparsePax({ name: 'evil' }), header);
    },
    /two formats/,
  ],
  ['a PAX record without end', () => withPax('9 a=bcdef'), /malformed/],
  ['a PAX record that is too long', () => withPax('99 a=bcde\n'), /malformed/],
  ['a PAX length that is no number', () => withPax('x a=bcde\n'), /malformed/],
  ['a PAX record without a key', () => withPax('6 =bc\n'), /malformed/],
  ['a NUL in a PAX name', () => withPax('12 path=a\0b\n'), /NUL/],
  ['a PAX size that is no number', () => withPax('11 size=-1\n'), /PAX size/],
  ['a PAX mtime that is no number', () => withPax('12 mtime=xx\n'), /mtime/],
  [
    'names that disagree',
    () =>
      archive(
        gnu('L', 'good'),
        tarEntry({ path: 'p', type: 'pax' }, '13 path=evil\n'),
        tarHeader({ path: 'f' }),
      ),
    /disagree/,
  ],
  [
    'a device number of 13 bits',
    () => archive(tarHeader({ path: 'd', type: 'block', deviceMajor: 4096 })),
    /device number/,
  ],
];

for (const [what, make, message] of REFUSED) {
  test(`the parser refuses ${what}`, () => {
    assert.throws(() => read(make()), { kind: 'invalid', message });
    assert.throws(() => read(make(), { step: 100 }), { kind: 'invalid', message });
  });
}

test('limits end an archive before its content does', () => {
  const three = archive(...['a', 'b', 'c'].map(path => tarEntry({ path }, 'x')));
  assert.throws(() => read(three, { maxEntries: 2 }), /more than 2 entries/);
  assert.throws(() => read(three, { maxBytes: 2 }), /more than 2 bytes/);
  assert.equal(read(three, { maxEntries: 3, maxBytes: 3 }).length, 3);
});

test('a PAX size counts for the content, not for the extension headers between', () => {
  const entry = patched(tarHeader({ path: 'f' }), 124, '00000000000\0');
  const body = tarEntry({ path: 'inner' }, 'x');
  const rest = ` size=${body.length}\n`;
  const bytes = archive(
    tarEntry({ path: 'p', type: 'pax' }, `${rest.length + 2}${rest}`),
    gnu('L', 'long'),
    entry,
    body,
  );
  assert.deepEqual(
    read(bytes).map(({ path, size }) => [path, size]),
    [['long', body.length]],
  );
});
