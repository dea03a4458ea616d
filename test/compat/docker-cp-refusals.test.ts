import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

describe('docker cp', { skip }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'quai-cp-'));
    mkdirSync(`${folder}/bound`);
    writeFileSync(`${folder}/file`, 'new');
    writeFileSync(`${folder}/bound/kept`, 'kept');
  });
  after(() => rmSync(folder, { recursive: true }));

  const put = async (path: string, body: Buffer, query = ''): Promise<readonly [number, unknown]> => {
    const answer = await engine.daemon.call(
      'PUT',
      `/containers/box/archive?path=${encodeURIComponent(path)}${query}`,
      body,
    );
    return [answer.status, answer.body];
  };

  for (const state of ['running', 'stopped', 'never started']) {
    test(`refuses to write where the container cannot (${state})`, async () => {
      const options = ['--read-only', '-v', '/writable', '-v', `${folder}/bound:/bound:ro`];
      const clean = ['--name', 'box', ...options, 'busybox', 'sleep', '1000'];
      if (state === 'never started') await engine.ok('create', ...clean);
      else await engine.ok('run', '-d', ...clean);
      if (state === 'stopped') await engine.ok('kill', 'box');
      const refused = async (target: string): Promise<string> =>
        (await engine.refused('cp', `${folder}/file`, `box:${target}`)).stderr;
      assert.match(await refused('/etc'), /container rootfs is marked read-only/);
      assert.match(await refused('/bound/new'), /mounted volume is marked read-only/);
      assert.match(await refused('/bound/kept'), /mounted volume is marked read-only/);
      await engine.ok('cp', `${folder}/file`, 'box:/writable');
      await engine.ok('cp', 'box:/writable/file', `${folder}/back`);
      assert.equal(readFileSync(`${folder}/back`, 'utf8'), 'new');
      assert.equal(readFileSync(`${folder}/bound/kept`, 'utf8'), 'kept');
    });
  }

  test('answers what Docker does to what cannot be done', async () => {
    await engine.started('box', 'busybox', 'sleep', '1000');
    const tar = Buffer.concat([tarEntry({ path: 'x' }, 'x'), TAR_END]);
    assert.deepEqual(await put('/nope', tar), [
      404,
      { message: 'Could not find the file /nope in container box' },
    ]);
    assert.deepEqual(await put('/etc/passwd', tar), [
      400,
      { message: 'extraction point is not a directory' },
    ]);
    assert.deepEqual(await put('', tar), [400, { message: 'bad parameter: path cannot be empty' }]);
    assert.deepEqual(await put('/a\0b', tar), [400, { message: 'bad parameter: path has a NUL in it' }]);
    assert.equal((await put('/etc', Buffer.from('no archive at all'.repeat(100))))[0], 400);
    const over = Buffer.concat([tarEntry({ path: 'passwd/', type: 'directory' }), TAR_END]);
    assert.deepEqual(await put('/etc', over, '&noOverwriteDirNonDir=1'), [
      400,
      { message: 'cannot overwrite non-directory "/etc/passwd" with directory "/etc/passwd"' },
    ]);
    const under = Buffer.concat([tarEntry({ path: 'etc' }, 'x'), TAR_END]);
    assert.match(
      JSON.stringify(await put('/', under, '&noOverwriteDirNonDir=1')),
      /cannot overwrite directory/,
    );
    for (const path of ['/proc', '/sys', '/proc/self/cwd'])
      assert.ok([400, 404].includes((await put(path, tar))[0]), path);
    for (const [source, message] of [
      ['/nope', /Could not find the file \/nope in container box/],
      ['/proc/cpuinfo', /made up by the kernel.*docker exec CONTAINER cat/],
      ['/proc/1/root/etc/passwd', /links that lead round in circles, or to a process/],
    ] as const) {
      assert.match((await engine.refused('cp', `box:${source}`, folder)).stderr, message);
    }
    assert.match((await engine.refused('cp', 'nope:/x', folder)).stderr, /No such container: nope/);
    // what is mounted in the container by the engine is written to, and stays what it is
    writeFileSync(`${folder}/hosts`, '127.0.0.1 me\n');
    await engine.ok('cp', `${folder}/hosts`, 'box:/etc/hosts');
    assert.equal(await engine.ok('exec', 'box', 'cat', '/etc/hosts'), '127.0.0.1 me');
  });

  test('of everything leaves out what the kernel makes up, and -a gives files to the user of the container', async () => {
    await engine.started('box', '-u', 'nobody', '--tmpfs', '/scratch', 'busybox', 'sleep', '1000');
    await engine.ok('exec', '-u', '0', 'box', 'sh', '-c', 'echo in > /scratch/memory');
    await engine.ok('cp', 'box:/', `${folder}/all`);
    assert.equal(readFileSync(`${folder}/all/scratch/memory`, 'utf8'), 'in\n');
    for (const name of ['proc', 'sys', 'dev'])
      assert.deepEqual(readdirSync(`${folder}/all/${name}`), [], name);
    await engine.ok('cp', '-a', `${folder}/file`, 'box:/tmp/own');
    assert.equal(await engine.ok('exec', 'box', 'stat', '-c', '%U', '/tmp/own'), 'nobody');
  });

  test('into a container that never started keeps what its image has for new volumes', async () => {
    await engine.ok(
      'create',
      '--name',
      'box',
      '-v',
      'filled:/etc',
      '-v',
      'made:/not/there',
      'busybox',
      'sh',
      '-c',
      'cat /etc/passwd /etc/new /not/there/new',
    );
    await engine.ok('cp', `${folder}/file`, 'box:/etc/new');
    await engine.ok('cp', `${folder}/file`, 'box:/not/there/new');
    const out = await engine.ok('start', '-a', 'box');
    assert.match(out, /^root:/);
    assert.match(out, /newnew$/);
    await engine.ok('rm', 'box');
    await engine.ok('volume', 'rm', 'filled', 'made');
  });
});
