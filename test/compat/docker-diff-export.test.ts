import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { compatEngine, loadImage, skip } from './compat-engine.ts';

const IMAGE = 'layered:1';
const EXTRA = [
  { path: 'd/', type: 'directory', mode: 0o755 },
  { path: 'd/keep', content: 'keep' },
  { path: 'd/change', content: 'before' },
  { path: 'd/gone', content: 'gone' },
  { path: 'swap/', type: 'directory', mode: 0o755 },
  { path: 'swap/old', content: 'old' },
  { path: 'swap/both', content: 'both' },
  { path: 'tree/', type: 'directory', mode: 0o755 },
  { path: 'tree/leaf', content: 'leaf' },
  { path: 'mode/', type: 'directory', mode: 0o755 },
] as const;

const CHANGES = [
  'echo after > /d/change',
  'rm /d/gone',
  'echo new > /d/new',
  'rm -r /swap && mkdir /swap && echo new > /swap/both && touch /swap/mine',
  'rm -r /tree',
  'chmod 700 /mode',
  'mkdir -p /added/deep && touch /added/deep/file',
  'touch /tmp/x && rm /tmp/x',
].join(' && ');

const EXPECTED = [
  'A /added',
  'A /added/deep',
  'A /added/deep/file',
  'C /d',
  'C /d/change',
  'D /d/gone',
  'A /d/new',
  'C /mode',
  'C /swap',
  'C /swap/both',
  'A /swap/mine',
  'D /swap/old',
  'D /tree',
];

for (const driver of ['auto', 'overlay2']) {
  describe(`storage driver ${driver}`, { skip }, () => {
    const engine = compatEngine({ flags: ['--storage-driver', driver] });
    const quai = async (...words: string[]): Promise<string> => {
      const { code, stdout, stderr } = await engine.daemon.quai(words);
      assert.equal(code, 0, `quai ${words.join(' ')}: ${stderr}`);
      return stdout.replace(/\n$/, '');
    };

    test('docker diff tells what a container changed, running and stopped, and quai the same', async () => {
      await loadImage(engine, { tags: [IMAGE], extra: EXTRA });
      await engine.started(
        'box',
        '-v',
        '/volume',
        IMAGE,
        'sh',
        '-c',
        `${CHANGES} && touch /volume/x && sleep 1000`,
      );
      const expected = [...EXPECTED, 'A /volume'].join('\n');
      for (let tries = 100; (await engine.ok('diff', 'box')) !== expected && tries > 0; tries -= 1);
      assert.equal(await engine.ok('diff', 'box'), expected);
      assert.equal(await quai('diff', 'box'), expected);
      await engine.ok('kill', 'box');
      assert.equal(await quai('container', 'diff', 'box'), expected);
      await engine.ok('create', '--name', 'fresh', IMAGE);
      assert.equal(await engine.ok('diff', 'fresh'), '');
      // what is only there to mount something on is no change
      await engine.ok('run', '--name', 'idle', IMAGE, 'true');
      assert.equal(await engine.ok('diff', 'idle'), '');
      assert.match((await engine.refused('diff', 'nope')).stderr, /No such container: nope/);
    });

    test('S113 docker export writes the files of a container without its volumes, and import makes an image of them', async () => {
      await loadImage(engine, { tags: [IMAGE], extra: EXTRA });
      const more = [
        'echo one > /one && ln /one /two && ln -s ../../etc/shadow /link',
        'mkfifo /fifo',
        'truncate -s 1G /sparse && echo end >> /sparse',
        "touch '/new\nline' \"$(printf '/\\377')\"",
        `mkdir -p /long/${'a'.repeat(200)}/${'b'.repeat(200)}`,
        'chown 1234:5678 /one && chmod 4711 /one',
        'touch /volume/secret && mkdir /bin2 && cp /bin/busybox /bin2/sh',
      ].join(' && ');
      await engine.ok('run', '--name', 'box', '-v', '/volume', IMAGE, 'sh', '-c', `${CHANGES} && ${more}`);
      const folder = mkdtempSync(join(tmpdir(), 'quai-export-'));
      try {
        await engine.ok('export', '-o', `${folder}/docker.tar`, 'box');
        await quai('export', '-o', `${folder}/quai.tar`, 'box');
        assert.ok(readFileSync(`${folder}/docker.tar`).equals(readFileSync(`${folder}/quai.tar`)));
        assert.ok(statSync(`${folder}/docker.tar`).size < 50_000_000, 'holes are kept');
        const root = `${folder}/root`;
        mkdirSync(root);
        const { status, stderr } = spawnSync('tar', ['-xpf', `${folder}/docker.tar`, '-C', root], {
          encoding: 'utf8',
        });
        assert.equal(status, 0, stderr);
        assert.deepEqual(readdirSync(`${root}/d`).toSorted(), ['change', 'keep', 'new']);
        assert.deepEqual(readdirSync(`${root}/swap`).toSorted(), ['both', 'mine']);
        assert.deepEqual(readdirSync(`${root}/volume`), []);
        assert.equal(statSync(`${root}/one`).ino, statSync(`${root}/two`).ino);
        const { uid, gid, mode } = statSync(`${root}/one`);
        assert.deepEqual([uid, gid, mode & 0o7777], [1234, 5678, 0o4711]);
        assert.equal(readlinkSync(`${root}/link`), '../../etc/shadow');
        assert.ok(statSync(`${root}/fifo`).isFIFO());
        assert.equal(statSync(`${root}/sparse`).size, 2 ** 30 + 4);
        assert.ok(statSync(`${root}/sparse`).blocks < 1000);
        const names = readdirSync(root, { encoding: 'latin1' });
        assert.ok(names.includes('new\nline') && names.includes('\xff'));
        assert.equal(readdirSync(root).includes('tree'), false);

        await engine.ok('import', `${folder}/docker.tar`, 'again:1');
        assert.equal(
          await engine.run('again:1', '/bin/sh', '-c', 'cat /one /d/new; ls /swap'),
          'one\nnew\nboth\nmine',
        );
        await engine.ok('rmi', 'again:1');
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
}
