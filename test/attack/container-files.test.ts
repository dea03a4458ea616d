import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import type { Answer } from '../support/engine-client.ts';
import { attackEngine, skip } from './attack-engine.ts';

const engine = attackEngine();

/**
 * A folder that is now one of its own, now a link to where the canary would be, each by a rename. Every few turns it rests
 * as the folder, each time for longer: however slow the machine is, a copy falls into a rest at last.
 */
const swapping = (folder: string): string => `
mkdir -p /spot /real; echo mine > /spot/canary; ln -s ${folder} /out; rest=0
while :; do
  for turn in 1 2 3 4 5 6 7 8; do mv /spot /away; mv /out /spot; mv /spot /out; mv /away /spot; done
  usleep $rest; rest=$((rest + 2000))
done`;

async function bytesOf(path: string): Promise<Buffer> {
  const { status, response } = await engine.daemon.stream('GET', path);
  const bytes = await buffer(response);
  assert.equal(status, 200, bytes.toString());
  return bytes;
}

test('export and diff of a container that swaps a folder for a link out of it stay inside', {
  skip,
}, async () => {
  await engine.start('swaps', { Cmd: ['sh', '-c', swapping(engine.folder)] });
  for (let round = 0; round < 20; round += 1) {
    const tar = await bytesOf('/containers/swaps/export');
    assert.equal(tar.includes('nobody but the host'), false);
    assert.ok(tar.length % 512 === 0 && tar.length > 100_000);
    const { status, body } = await engine.daemon.call('GET', '/containers/swaps/changes');
    assert.equal(status, 200);
    assert.doesNotMatch(JSON.stringify(body), /attack-host-/);
  }
  await engine.remove('swaps');
  await engine.assertUnharmed();
});

test('export of a container that is removed meanwhile does not look complete', { skip }, async () => {
  await engine.start('goes', { Cmd: ['sh', '-c', 'head -c 50000000 /dev/urandom > /big; sleep 1000'] });
  const size = async (): Promise<string> =>
    (await engine.exec('goes', { Cmd: ['stat', '-c', '%s', '/big'] })).output;
  while (!(await size()).startsWith('50000000'));
  const { status, response } = await engine.daemon.stream('GET', '/containers/goes/export');
  assert.equal(status, 200);
  await engine.remove('goes');
  await assert.rejects(buffer(response), { code: 'ECONNRESET' });
  await engine.assertUnharmed();
});

test('a client that leaves an export ends it', { skip }, async () => {
  await engine.start('left', { Cmd: ['sh', '-c', 'truncate -s 1000G /holes; sleep 1000'] });
  const abort = new AbortController();
  const { response } = await engine.daemon.stream('GET', '/containers/left/export', { signal: abort.signal });
  response.once('error', () => undefined);
  abort.abort();
  await engine.remove('left');
  await engine.assertUnharmed();
});

const archive = (...entries: readonly Buffer[]): Buffer => Buffer.concat([...entries, TAR_END]);

function send(name: string, path: string, body: Buffer): Promise<Answer> {
  return engine.daemon.call('PUT', `/containers/${name}/archive?path=${encodeURIComponent(path)}`, body);
}

async function put(name: string, path: string, body: Buffer): Promise<number> {
  return (await send(name, path, body)).status;
}

async function get(name: string, path: string): Promise<{ readonly status: number; readonly bytes: Buffer }> {
  const { status, response } = await engine.daemon.stream(
    'GET',
    `/containers/${name}/archive?path=${encodeURIComponent(path)}`,
  );
  return { status, bytes: await buffer(response).catch(() => Buffer.alloc(0)) };
}

test('copies out of and into a container that swaps a folder for a link out of it stay inside', {
  skip,
}, async () => {
  await engine.start('swaps', { Cmd: ['sh', '-c', swapping(engine.folder)] });
  const body = archive(
    tarEntry({ path: 'planted' }, 'planted'),
    tarEntry({ path: 'canary' }, 'planted'),
    tarEntry({ path: 'deep/', type: 'directory', mode: 0o777 }),
    tarEntry({ path: 'deep/er/planted' }, 'planted'),
  );
  const statuses = new Set<number>();
  const isBoth = (): boolean => statuses.has(200) && statuses.size > 1;
  // One copy has to meet the folder each time that it looks, and one the link.
  for (let round = 0; round < 60 || !isBoth(); round += 1) {
    statuses.add(await put('swaps', '/spot', body));
    for (const path of ['/spot/canary', '/spot', '/spot/', '/spot/.', '/out/canary']) {
      const { bytes } = await get('swaps', path);
      assert.equal(bytes.includes('nobody but the host'), false, path);
    }
  }
  assert.deepEqual(readdirSync(engine.folder), ['canary']);
  await engine.remove('swaps');
  await engine.assertUnharmed();
});

test('a link through the processes of the host leads nowhere, for one that sees them', { skip }, async () => {
  const places = [
    '/proc/1/root',
    '/proc/1/cwd',
    `/proc/${process.pid}/root`,
    '/proc/self/root',
    '/proc/thread-self/root',
  ];
  const script = places.map((place, index) => `ln -s ${place}${engine.folder} /way${index}`).join('; ');
  await engine.start('sees', {
    Cmd: ['sh', '-c', `${script}; touch /ready; sleep 1000`],
    HostConfig: { PidMode: 'host', NetworkMode: 'none' },
  });
  while (!(await bytesOf('/containers/sees/changes')).includes('/ready'));
  const body = archive(
    tarEntry({ path: 'planted' }, 'planted'),
    tarEntry({ path: 'canary' }, 'planted'),
    tarEntry({ path: 'dir/', type: 'directory' }),
  );
  for (const [index, place] of places.entries()) {
    for (const path of [`/way${index}`, `${place}${engine.folder}`]) {
      assert.ok([400, 404].includes(await put('sees', path, body)), path);
      const { status, bytes } = await get('sees', `${path}/canary`);
      assert.ok([400, 404].includes(status), path);
      assert.equal(bytes.includes('nobody but the host'), false);
    }
    // the same as a name in the archive: below a folder that is such a link
    assert.ok(
      [400, 404].includes(await put('sees', '/', archive(tarEntry({ path: `way${index}/planted` }, 'x')))),
    );
    const through = archive(
      tarEntry({ path: 'made', type: 'symlink', linkPath: `${place}${engine.folder}` }),
      tarEntry({ path: 'made/planted' }, 'x'),
    );
    assert.ok([400, 404].includes(await put('sees', '/tmp', through)));
    assert.ok(
      [400, 404].includes(
        await put(
          'sees',
          '/tmp',
          archive(tarEntry({ path: 'hard', type: 'hardlink', linkPath: `../way${index}/canary` })),
        ),
      ),
    );
  }
  assert.deepEqual(readdirSync(engine.folder), ['canary']);
  await engine.remove('sees');
  await engine.assertUnharmed();
});

test('hostile archives change files of their container only, running and not', { skip }, async () => {
  for (const isRunning of [true, false]) {
    await engine.start('target', {
      Cmd: ['sh', '-c', `ln -s ${engine.folder} /link; mkfifo /fifo; touch /ready; sleep 1000`],
    });
    while (!(await bytesOf('/containers/target/changes')).includes('/ready'));
    if (!isRunning) await engine.daemon.call('POST', '/containers/target/kill');
    const hostile: readonly (readonly Buffer[])[] = [
      [tarEntry({ path: `../../../../..${engine.folder}/planted` }, 'x')],
      [tarEntry({ path: `${engine.folder}/planted` }, 'x')],
      [tarEntry({ path: 'link/planted' }, 'x')],
      [tarEntry({ path: 'link/canary' }, 'x')],
      [
        tarEntry({ path: 'abs', type: 'symlink', linkPath: engine.folder }),
        tarEntry({ path: 'abs/planted' }, 'x'),
      ],
      [
        tarEntry({ path: 'hard', type: 'hardlink', linkPath: `${engine.folder}/canary` }),
        tarEntry({ path: 'hard' }, 'x'),
      ],
      [tarEntry({ path: 'link', type: 'hardlink', linkPath: 'link' })],
      [tarEntry({ path: 'fifo' }, 'x')],
      [tarEntry({ path: 'dev/null' }, 'x')],
      [
        tarEntry({ path: 'disk', type: 'block', deviceMajor: 8, deviceMinor: 0 }),
        tarEntry({ path: 'disk' }, 'x'),
      ],
      [tarEntry({ path: 'suid', mode: 0o6777 }, 'x')],
      [tarEntry({ path: `${'d/'.repeat(2000)}x` }, 'x')],
    ];
    for (const entries of hostile) {
      const status = await put('target', '/', archive(...entries));
      assert.ok([200, 400].includes(status), `${status}`);
    }
    assert.deepEqual(readdirSync(engine.folder), ['canary']);
    assert.ok(existsSync('/dev/null'));
    const { status } = await get('target', '/fifo');
    assert.equal(status, 200, 'a pipe is not opened');
    await engine.remove('target');
  }
  await engine.assertUnharmed();
});

for (const state of ['runs', 'is stopped'] as const) {
  test(`an archive for a container that ${state} takes no mount away, and nothing that is in one`, {
    skip,
  }, async () => {
    const bound = join(engine.folder, 'bound');
    mkdirSync(bound);
    writeFileSync(join(bound, 'kept'), 'of the host');
    const Mounts = [
      { Type: 'volume', Source: 'kept-volume', Target: '/data' },
      { Type: 'bind', Source: bound, Target: '/srv/deep/bound' },
    ];
    const name = `mounts-${state.replace(' ', '-')}`;
    await engine.start(name, { Cmd: ['sleep', '1000'], HostConfig: { Mounts } });
    const run = async (command: string): Promise<string> =>
      (await engine.exec(name, { Cmd: ['sh', '-c', command] })).output;
    await run('echo precious > /data/kept');
    const mounts = (): Promise<string> => run('cut -d" " -f4,5 /proc/self/mountinfo | sort');
    const before = await mounts();
    if (state === 'is stopped') await engine.daemon.call('POST', `/containers/${name}/stop?t=0`);
    const put = (path: string, entry: Buffer): Promise<Answer> => send(name, path, archive(entry));
    for (const entry of [
      tarEntry({ path: 'data' }, 'a file'),
      tarEntry({ path: 'data', type: 'symlink', linkPath: '/etc' }),
      tarEntry({ path: 'data', type: 'fifo' }),
      tarEntry({ path: 'srv' }, 'a file'),
      tarEntry({ path: 'srv/deep', type: 'symlink', linkPath: '/etc' }),
    ]) {
      const { status, body } = await put('/', entry);
      assert.equal(status, 400, JSON.stringify(body));
      assert.match(JSON.stringify(body), /is mounted there or in it/);
    }
    assert.equal(readFileSync(join(bound, 'kept'), 'utf8'), 'of the host');
    if (state === 'is stopped') await engine.daemon.call('POST', `/containers/${name}/start`);
    else {
      assert.equal((await put('/etc', tarEntry({ path: 'hosts', type: 'directory' }))).status, 400);
      assert.equal((await put('/etc', tarEntry({ path: 'hosts' }, '127.0.0.1 me'))).status, 200);
      assert.equal(await run('cat /etc/hosts'), '127.0.0.1 me');
    }
    assert.equal(await run('cat /data/kept /srv/deep/bound/kept'), 'precious\nof the host');
    assert.equal(await mounts(), before);
    await engine.remove(name);
    rmSync(bound, { recursive: true });
    await engine.assertUnharmed();
  });
}
