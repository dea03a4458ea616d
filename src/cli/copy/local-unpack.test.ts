import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TarParser } from '#spec/tar/tar-parser';
import { TAR_END, tarEntry, tarHeader, tarPadding } from '#spec/tar/tar-writer';
import { LocalUnpack } from './local-unpack.ts';

let folder: string;

function unpack(...entries: readonly Buffer[]): void {
  const sink = new LocalUnpack(join(folder, 'to'), path => path);
  const parser = new TarParser(sink);
  parser.write(Buffer.concat([...entries, TAR_END]));
  parser.end();
  sink.finish();
}

describe('LocalUnpack', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'quai-unpack-'));
    for (const name of ['to', 'canary']) mkdirSync(join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('writes files, directories and links, without set-user-ID bits, and no devices', () => {
    unpack(
      tarEntry({ path: 'd/', type: 'directory', mode: 0o755 }),
      tarEntry({ path: 'd/file', mode: 0o4755 }, 'content'),
      tarEntry({ path: 'link', type: 'symlink', linkPath: 'd/file' }),
      tarEntry({ path: 'same', type: 'hardlink', linkPath: 'd/file' }),
      tarEntry({ path: 'null', type: 'character', deviceMajor: 1, deviceMinor: 3 }),
    );
    assert.equal(readFileSync(join(folder, 'to/d/file'), 'utf8'), 'content');
    assert.equal(readFileSync(join(folder, 'to/same'), 'utf8'), 'content');
    assert.equal(statSync(join(folder, 'to/d/file')).mode & 0o7000, 0);
    assert.equal(readlinkSync(join(folder, 'to/link')), 'd/file');
    assert.equal(existsSync(join(folder, 'to/null')), false);
  });

  test('gives modes and times when everything is there, and keeps holes', () => {
    const map = Buffer.alloc(512);
    map.write('2\n100000\n3\n1000000\n0\n');
    const records = new Map([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'closed/holes'],
      ['GNU.sparse.realsize', '1000000'],
    ]);
    const holes = Buffer.concat([
      tarHeader({ path: 'GNUSparseFile.0/holes', size: 515, mode: 0o600, records }),
      map,
      Buffer.from('end'),
      tarPadding(515),
    ]);
    unpack(
      tarEntry({ path: 'closed/', type: 'directory', mode: 0o500, mtimeSeconds: 1_000_000 }),
      tarEntry({ path: 'closed/file', mode: 0o640, mtimeSeconds: 2_000_000 }, 'content'),
      holes,
    );
    const stat = (name: string): readonly [mode: number, mtime: number] => {
      const { mode, mtimeMs } = statSync(join(folder, 'to', name));
      return [mode & 0o7777, mtimeMs / 1000];
    };
    assert.deepEqual(stat('closed'), [0o500, 1_000_000]);
    assert.deepEqual(stat('closed/file'), [0o640, 2_000_000]);
    const content = readFileSync(join(folder, 'to/closed/holes'));
    assert.deepEqual([content.length, content.toString('utf8', 100_000, 100_003)], [1_000_000, 'end']);
    assert.ok(content.subarray(0, 100_000).every(byte => byte === 0));
  });

  test('puts no file in the place of a directory, and the other way round', () => {
    mkdirSync(join(folder, 'to/d'));
    assert.throws(() => unpack(tarEntry({ path: 'd' }, 'x')), /cannot overwrite directory/);
    unpack(tarEntry({ path: 'f' }, 'x'));
    assert.throws(() => unpack(tarEntry({ path: 'f/', type: 'directory' })), /is in the way/);
  });

  const canary = (): string => join(folder, 'canary');
  const attacks: Readonly<Record<string, () => readonly Buffer[]>> = {
    'a name that leads out': () => [tarEntry({ path: '../canary/x' }, 'out')],
    'an absolute name': () => [tarEntry({ path: `${canary()}/x` }, 'out')],
    'a link of the archive': () => [
      tarEntry({ path: 'way', type: 'symlink', linkPath: canary() }),
      tarEntry({ path: 'way/x' }, 'out'),
    ],
    'a file that becomes a link': () => [
      tarEntry({ path: 'x', type: 'symlink', linkPath: `${canary()}/x` }),
      tarEntry({ path: 'x' }, 'out'),
    ],
    'a hard link': () => [
      tarEntry({ path: 'x', type: 'hardlink', linkPath: `${canary()}/x` }),
      tarEntry({ path: 'x' }, 'out'),
    ],
  };
  for (const [what, archive] of Object.entries(attacks)) {
    test(`writes nowhere else through ${what}`, () => {
      try {
        unpack(...archive());
      } catch (error) {
        assert.ok(error instanceof Error);
      }
      assert.deepEqual(readdirSync(canary()), []);
    });
  }

  test('refuses to go through a link that is there already', () => {
    symlinkSync(canary(), join(folder, 'to', 'way'));
    assert.throws(() => unpack(tarEntry({ path: 'way/x' }, 'out')), /is in the way/);
    assert.deepEqual(readdirSync(canary()), []);
  });
});
