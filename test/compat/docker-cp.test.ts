import assert from 'node:assert/strict';
import {
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compatEngine, skip } from './compat-engine.ts';

const FILES = [
  'mkdir -p /d/sub && echo one > /d/one && echo two > /d/sub/two && ln -s one /d/link && ln -s /d /dlink',
  'ln -s /nowhere/at/all /broken && echo vol > /data/in-volume && ln /d/one /d/same && chown 1000:1001 /d/one',
  'chmod 750 /d/sub/two && mkdir /d/closed && chmod 500 /d/closed',
].join(' && ');

for (const driver of ['auto', 'overlay2']) {
  for (const state of ['running', 'stopped']) {
    describe(`docker cp, ${state} container, storage driver ${driver}`, { skip }, () => {
      const engine = compatEngine({ flags: ['--storage-driver', driver] });
      // made by the tests, which also remove it
      const folder = join(tmpdir(), `quai-cp-${process.pid}-${driver}-${state}`);
      const clients = {
        docker: (words: readonly string[]) => engine.docker(words),
        quai: (words: readonly string[]) => engine.daemon.quai(words),
      };

      async function prepare(...options: string[]): Promise<void> {
        const words = ['-v', '/data', '--mount', `type=bind,src=${folder}/bound,dst=/bound`, ...options];
        rmSync(`${folder}/bound`, { recursive: true, force: true });
        mkdirSync(`${folder}/bound`, { recursive: true });
        writeFileSync(`${folder}/bound/host-file`, 'of the host');
        await engine.started('box', ...words, 'busybox', 'sh', '-c', `${FILES}; touch /ready; sleep 1000`);
        while (!(await engine.ok('diff', 'box')).includes('/ready'));
        if (state === 'stopped') await engine.ok('kill', 'box');
      }

      /** What both command lines make of the same words in folders of their own must be the same. */
      async function both(name: string, words: readonly string[]): Promise<string> {
        const [theirs, ours] = [`${folder}/${name}-docker`, `${folder}/${name}-quai`];
        const codes: number[] = [];
        for (const [client, target] of [
          ['docker', theirs],
          ['quai', ours],
        ] as const) {
          mkdirSync(target);
          const { code } = await clients[client](words.map(word => word.replace('HERE', target)));
          codes.push(code);
        }
        assert.equal(codes[1], codes[0], words.join(' '));
        assert.deepEqual(listing(ours), listing(theirs), words.join(' '));
        return theirs;
      }

      test('out of a container: files, folders, links, volumes and binds land where Docker puts them', async () => {
        await prepare();
        try {
          assert.equal(
            readFileSync(`${await both('file', ['cp', 'box:/d/one', 'HERE'])}/one`, 'utf8'),
            'one\n',
          );
          await both('renamed', ['cp', 'box:/d/one', 'HERE/other']);
          const tree = await both('tree', ['cp', 'box:/d', 'HERE']);
          assert.deepEqual(readdirSync(`${tree}/d`).toSorted(), ['closed', 'link', 'one', 'same', 'sub']);
          assert.equal(readlinkSync(`${tree}/d/link`), 'one');
          await both('new', ['cp', 'box:/d', 'HERE/new']);
          await both('content', ['cp', 'box:/d/.', 'HERE']);
          await both('new-content', ['cp', 'box:/d/.', 'HERE/new']);
          await both('slash', ['cp', 'box:/d/', 'HERE']);
          await both('relative', ['cp', 'box:d/sub/../one', 'HERE']);
          await both('link', ['cp', 'box:/d/link', 'HERE']);
          await both('followed', ['cp', '-L', 'box:/d/link', 'HERE']);
          await both('dir-link', ['cp', 'box:/dlink', 'HERE']);
          await both('dir-link-slash', ['cp', 'box:/dlink/', 'HERE']);
          await both('dir-followed', ['cp', '-L', 'box:/dlink', 'HERE']);
          await both('through', ['cp', 'box:/dlink/sub/two', 'HERE']);
          await both('broken', ['cp', 'box:/broken', 'HERE']);
          await both('archive', ['cp', '-a', 'box:/d', 'HERE']);
          const volume = await both('volume', ['cp', 'box:/data', 'HERE']);
          assert.equal(readFileSync(`${volume}/data/in-volume`, 'utf8'), 'vol\n');
          const bound = await both('bound', ['cp', 'box:/bound/host-file', 'HERE']);
          assert.equal(readFileSync(`${bound}/host-file`, 'utf8'), 'of the host');
          await both('missing', ['cp', 'box:/missing', 'HERE']);
          await both('missing-parent', ['cp', 'box:/d/one', 'HERE/no/such']);
          await both('file-as-folder', ['cp', 'box:/d/one', 'HERE/no/']);
          await both('folder-over-file', ['cp', 'box:/d', `${folder}/bound/host-file`]);
          await both('broken-followed', ['cp', '-L', 'box:/broken', 'HERE']);
          for (const client of ['docker', 'quai'] as const) {
            const tar = await clients[client](['cp', 'box:/d/sub', '-']);
            assert.equal(tar.code, 0);
            assert.ok(['sub/\0', 'sub/two\0'].every(name => tar.stdout.includes(name)));
          }
        } finally {
          rmSync(folder, { recursive: true });
        }
      });

      test('into a container: files, folders, links, volumes and binds land where Docker puts them', {
        skip: driver !== 'auto' && 'the driver makes no difference',
      }, async () => {
        mkdirSync(`${folder}/src/sub`, { recursive: true });
        writeFileSync(`${folder}/src/a`, 'a');
        writeFileSync(`${folder}/src/sub/b`, 'b', { mode: 0o600 });
        lchownSync(`${folder}/src/a`, 1234, 1235);
        symlinkSync('a', `${folder}/src/l`);
        symlinkSync('src', `${folder}/srclink`);
        const src = `${folder}/src`;
        const seen: Record<string, string[]> = {};
        const cases: readonly (readonly string[])[] = [
          [`${src}/a`, 'box:/d'],
          [`${src}/a`, 'box:/d/renamed'],
          [`${src}/a`, 'box:/d/one'],
          [`${src}/a`, 'box:/d/link'],
          [`${src}/a`, 'box:/dlink'],
          [`${src}/a`, 'box:/broken'],
          [`${src}/a`, 'box:/no/such/place'],
          [`${src}/a`, 'box:/no/'],
          [`${src}/a`, 'box:/d/one/'],
          [src, 'box:/d'],
          [src, 'box:/d/new'],
          [src, 'box:/d/one'],
          [`${src}/.`, 'box:/d'],
          [`${src}/.`, 'box:/d/new'],
          [`${src}/`, 'box:/d'],
          [`${src}/l`, 'box:/d'],
          ['-L', `${src}/l`, 'box:/d'],
          [`${folder}/srclink`, 'box:/d'],
          [`${folder}/srclink/`, 'box:/d'],
          ['-L', `${folder}/srclink`, 'box:/d'],
          ['-a', src, 'box:/d'],
          [`${src}/a`, 'box:/data'],
          [`${src}/a`, 'box:/bound'],
          [`${src}/missing`, 'box:/d'],
          [`${src}/a`, 'box:d'],
          [`${src}/a`, 'nope:/d'],
        ];
        try {
          for (const client of ['docker', 'quai'] as const) {
            // What is sent does not depend on the state: there a few tell.
            for (const words of cases.filter((_, at) => state === 'running' || at % 4 === 0)) {
              await prepare();
              const { code } = await clients[client](['cp', ...words]);
              const listed = await files(engine, state);
              (seen[client] ??= []).push(`${words.join(' ')}: ${code}\n${listed}`);
              await engine.ok('rm', '-f', '-v', 'box');
            }
          }
          assert.deepEqual(seen['quai'], seen['docker']);
          assert.match(seen['docker']?.[0] ?? '', /: 0\n[\s\S]*\/d\/a [0-9]+ 1234:1235/);
          const hasBound = seen['docker']?.some(text => text.includes('/bound/a 644 1234:1235'));
          assert.equal(hasBound, state === 'running'); // not among the few
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      });
    });
  }
}

function listing(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted();
  return names.map(name => {
    const stat = lstatSync(`${root}/${name}`);
    const what = stat.isSymbolicLink()
      ? `-> ${readlinkSync(`${root}/${name}`)}`
      : stat.isFile()
        ? readFileSync(`${root}/${name}`, 'utf8')
        : '';
    return `${name} ${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${what}`;
  });
}

/** The files of the container, as it sees them itself. */
async function files(engine: ReturnType<typeof compatEngine>, state: string): Promise<string> {
  const script =
    "find /d /dlink/ /data /bound /broken /no /src* -exec stat -c '%n %a %u:%g' {} + 2>/dev/null | sort; cat /d/one /bound/a 2>/dev/null; true";
  if (state === 'running') return await engine.ok('exec', 'box', 'sh', '-c', script);
  await engine.ok('commit', 'box', 'copied');
  try {
    return await engine.run('--volumes-from', 'box', 'copied', 'sh', '-c', script);
  } finally {
    await engine.ok('rmi', '-f', 'copied');
  }
}
