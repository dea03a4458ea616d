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
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
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
