import assert from 'node:assert/strict';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { TarEntry } from '#spec/tar/tar-entry';
import { TarParser } from '#spec/tar/tar-parser';
import { findDockerfile } from './dockerfile-place.ts';
import { folderContext } from './folder-context.ts';

describe('the context of a folder', () => {
  const base = mkdtempSync(join(tmpdir(), 'quai-context-'));
  after(() => rmSync(base, { recursive: true }));
  let count = 0;

  function folder(files: Readonly<Record<string, string>>): string {
    count += 1;
    const path = join(base, `f${count}`);
    mkdirSync(path);
    for (const [name, content] of Object.entries(files)) {
      const place = join(path, name);
      mkdirSync(join(place, '..'), { recursive: true });
      writeFileSync(place, content);
    }
    return path;
  }

  async function packed(
    path: string,
    name = 'Dockerfile',
    foreign?: string,
  ): Promise<{
    readonly names: string[];
    readonly entries: Map<string, { entry: TarEntry; content: string }>;
    readonly dockerfile: string;
  }> {
    const dockerfile = foreign === undefined ? name : undefined;
    const context = folderContext({
      folder: path,
      dockerfile,
      dockerfilePath: dockerfile === undefined ? undefined : join(path, dockerfile),
      ...(foreign === undefined ? {} : { foreign: Buffer.from(foreign) }),
    });
    const entries = await unpacked(context.tar);
    return { names: [...entries.keys()], entries, dockerfile: context.dockerfile };
  }

  test('is sorted, root’s, with links as they are and times of whole seconds', async () => {
    const path = folder({ Dockerfile: 'FROM x\n', 'b/two': '2', 'b/one': '1', a: 'same' });
    linkSync(join(path, 'a'), join(path, 'z'));
    symlinkSync('/etc/passwd', join(path, 'l'));
    chmodSync(join(path, 'b/one'), 0o4755);
    utimesSync(join(path, 'a'), 1.5, 1.5);
    const { names, entries } = await packed(path);
    assert.deepEqual(names, ['Dockerfile', 'a', 'b/', 'b/one', 'b/two', 'l', 'z']);
    assert.equal(entries.get('b/one')?.entry.mode, 0o4755);
    assert.equal(entries.get('b/one')?.content, '1');
    assert.deepEqual([entries.get('z')?.entry.type, entries.get('z')?.entry.linkPath], ['hardlink', 'a']);
    assert.deepEqual(
      [entries.get('l')?.entry.type, entries.get('l')?.entry.linkPath],
      ['symlink', '/etc/passwd'],
    );
    assert.deepEqual([entries.get('a')?.entry.mtimeSeconds, entries.get('a')?.entry.mtimeNanos], [1, 0]);
    assert.ok([...entries.values()].every(({ entry: { uid, gid } }) => uid === 0 && gid === 0));
  });

  test('keeps names that are no text, and long ones', async () => {
    const path = folder({ Dockerfile: '' });
    const odd = Buffer.from([0x61, 0xff, 0x62]);
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), odd]), 'odd');
    const long = `${'d'.repeat(120)}/${'f'.repeat(200)}`;
    mkdirSync(join(path, 'd'.repeat(120)));
    writeFileSync(join(path, long), 'long');
    const { entries } = await packed(path);
    assert.equal(entries.get(odd.toString('latin1'))?.content, 'odd');
    assert.equal(entries.get(long)?.content, 'long');
  });

  test('leaves out what .dockerignore says, but the Dockerfile and itself', async () => {
    const path = folder({
      '.dockerignore': '*\n!src\nsrc/*.log\n!src/keep.log\n',
      Dockerfile: '',
      'node_modules/x/y': '',
      'src/a': '',
      'src/a.log': '',
      'src/keep.log': '',
    });
    assert.deepEqual((await packed(path)).names, [
      '.dockerignore',
      'Dockerfile',
      'src/',
      'src/a',
      'src/keep.log',
    ]);
  });

  test('goes into a folder that is left out for what is not', async () => {
    const path = folder({
      '.dockerignore': 'deep\n!deep/er/file',
      Dockerfile: '',
      'deep/no': '',
      'deep/er/file': '',
      'deep/er/no': '',
    });
    assert.deepEqual((await packed(path)).names, ['.dockerignore', 'Dockerfile', 'deep/er/file']);
  });

  test('takes the rules of the Dockerfile itself first', async () => {
    const path = folder({
      '.dockerignore': 'a',
      'dev.Dockerfile': '',
      'dev.Dockerfile.dockerignore': 'b',
      a: '',
      b: '',
    });
    assert.deepEqual((await packed(path, 'dev.Dockerfile')).names, [
      '.dockerignore',
      'a',
      'dev.Dockerfile',
      'dev.Dockerfile.dockerignore',
    ]);
  });

  test('gets a Dockerfile from elsewhere under a name that COPY does not see', async () => {
    const path = folder({ Dockerfile: 'FROM wrong', a: '' });
    const { names, dockerfile, entries } = await packed(path, '', 'FROM right');
    assert.match(dockerfile, /^\.dockerfile\.[0-9a-f]{20}$/);
    assert.deepEqual(names, ['Dockerfile', 'a', '.dockerignore', dockerfile]);
    assert.equal(entries.get(dockerfile)?.content, 'FROM right');
    assert.equal(entries.get('.dockerignore')?.content, `${dockerfile}\n.dockerignore\n`);
    const ruled = folder({ '.dockerignore': 'a', a: '', b: '' });
    const second = await packed(ruled, '', 'FROM right');
    assert.deepEqual(second.names, ['b', '.dockerignore', dockerfile]);
    assert.equal(second.entries.get('.dockerignore')?.content, `a\n${dockerfile}\n`);
  });

  test('says which file goes away while it is read', async () => {
    const path = folder({ Dockerfile: '', sub: '' });
    const { tar } = folderContext({
      folder: path,
      dockerfile: 'Dockerfile',
      dockerfilePath: join(path, 'Dockerfile'),
      onEntry: name => name === 'Dockerfile' && rmSync(join(path, 'sub')),
    });
    await assert.rejects(
      unpacked(tar),
      /error checking context: cannot read '.*\/sub': no such file or directory/,
    );
  });

  test('findDockerfile() says what was probably meant', () => {
    const path = folder({ 'Dockerfile.txt': '', 'sub/x': '' });
    assert.throws(() => findDockerfile(path, ''), {
      message: `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${path}/Dockerfile: no such file or directory\nThere is Dockerfile.txt: quai build -f ${path}/Dockerfile.txt ${path}`,
    });
    assert.throws(
      () => findDockerfile(join(path, 'sub'), ''),
      /A Dockerfile tells how to build; write one in/,
    );
    assert.throws(
      () => findDockerfile(join(path, 'Dockerfile.txt'), ''),
      /context must be a directory: .*\n.*-f, /,
    );
    assert.throws(
      () => findDockerfile(join(path, 'nowhere'), ''),
      /unable to evaluate symlinks in context path/,
    );
    assert.throws(() => findDockerfile(path, join(path, 'sub')), /is a folder, not a Dockerfile/);
    const other = folder({ dockerfile: '' });
    assert.deepEqual(findDockerfile(other, ''), { folder: other, name: 'dockerfile' });
    assert.equal(
      findDockerfile(other, join(path, 'Dockerfile.txt')).name,
      `../${path.split('/').at(-1)}/Dockerfile.txt`,
    );
  });
});

async function unpacked(
  tar: AsyncIterable<Buffer>,
): Promise<Map<string, { entry: TarEntry; content: string }>> {
  const found = new Map<string, { entry: TarEntry; content: string }>();
  let current: { entry: TarEntry; content: string } | undefined;
  const parser = new TarParser({
    entry: entry => {
      current = { entry, content: '' };
      found.set(entry.path, current);
    },
    data: bytes => {
      if (current) current.content += bytes.toString('latin1');
    },
    endEntry: () => undefined,
  });
  for await (const chunk of tar) parser.write(chunk);
  parser.end();
  return found;
}
