import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type FakeVolumeDeps, fakeVolumeDeps } from './fake-volume-deps.ts';
import { VolumeService } from './volume-service.ts';

let folder: string;
let root: string;
let deps: FakeVolumeDeps;
let volumes: VolumeService;

describe('VolumeService', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'volume-test-'));
    root = join(folder, 'volumes');
    deps = fakeVolumeDeps(root);
    volumes = new VolumeService(deps);
  });

  afterEach(async () => {
    await volumes.settled();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The same engine after a crash: what is in memory is lost, database and disk stay. */
  function restarted(): VolumeService {
    volumes = new VolumeService(deps);
    deps.log.length = 0;
    return volumes;
  }

  const NOBODY = { existing: new Set<string>(), running: new Set<string>() };

  test('create() makes the directory that others cannot reach, then the row, then the event', async () => {
    const volume = await volumes.create({ name: 'data', labels: { a: 'b' } });

    assert.equal(volume.mountpoint, join(root, 'data', '_data'));
    assert.deepEqual(
      [root, join(root, 'data'), volume.mountpoint].map(path => (statSync(path).mode & 0o7777).toString(8)),
      ['700', '701', '755'],
    );
    assert.deepEqual(volumes.get('data'), volume);
    assert.deepEqual(volume.labels, { a: 'b' });
    assert.equal(volume.isAnonymous, false);
    assert.deepEqual(deps.log, ['event create data driver=local']);
  });

  test('create() of a known name answers with what is there, and does nothing', async () => {
    const first = await volumes.create({ name: 'data', labels: { a: '1' } });
    const [second, third] = await Promise.all([
      volumes.create({ name: 'data', labels: { a: '2' } }),
      volumes.create({ name: 'data', driver: 'local', userId: 'c1' }),
    ]);

    assert.deepEqual([second, third], [first, first]);
    assert.deepEqual(volumes.usersOf('data'), ['c1']);
    assert.equal(deps.log.length, 1);
  });

  test('create() without a name makes an anonymous volume with a random name and the label tools look for', async () => {
    const volume = await volumes.create({ userId: 'c1' });

    assert.match(volume.name, /^[0-9a-f]{64}$/);
    assert.equal(volume.isAnonymous, true);
    assert.deepEqual(volume.labels, { 'com.docker.volume.anonymous': '' });
    assert.deepEqual(volumes.anonymousOf('c1'), [volume.name]);
    volumes.addUser(volume.name, 'c2');
    assert.deepEqual(volumes.anonymousOf('c1'), []);
  });

  const refused: readonly (readonly [string, Parameters<VolumeService['create']>[0], string, RegExp])[] = [
    [
      'one letter',
      { name: 'x' },
      'invalid',
      /^create x: volume name is too short, names should be at least two alphanumeric characters$/,
    ],
    [
      'a relative path',
      { name: './x' },
      'invalid',
      /^create \.\/x: "\.\/x" includes invalid characters for a local volume name, only "\[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\]" are allowed\. If you intended to pass a host directory, use absolute path$/,
    ],
    ['a way up', { name: '..' }, 'invalid', /invalid characters/],
    ['a line break', { name: 'ab\n' }, 'invalid', /invalid characters/],
    ['a name too long for a directory', { name: 'a'.repeat(256) }, 'invalid', /too long/],
    ['a long and bad name: cut in the message', { name: '/'.repeat(100_000) }, 'invalid', /^.{0,1200}$/],
    [
      'an unknown driver',
      { name: 'xy', driver: 'nope' },
      'notFound',
      /^create xy: error looking up volume plugin nope: plugin "nope" not found$/,
    ],
    [
      'an unknown option',
      { name: 'xy', options: { foo: '1' } },
      'invalid',
      /^create xy: invalid option: "foo"$/,
    ],
    [
      'type alone',
      { name: 'xy', options: { type: 'tmpfs' } },
      'invalid',
      /missing required option: "device"$/,
    ],
    ['o alone', { name: 'xy', options: { o: 'ro' } }, 'invalid', /missing required option: "device"$/],
    ['a size that is none', { name: 'xy', options: { size: 'much' } }, 'invalid', /invalid size: 'much'/],
    [
      'a size too small',
      { name: 'xy', options: { size: '64k' } },
      'invalid',
      /64k is too small: 1M at least/,
    ],
    [
      'a size of what has its own',
      { name: 'xy', options: { size: '1g', type: 'tmpfs', device: 'tmpfs' } },
      'invalid',
      /give o=size=1g to file systems that take it/,
    ],
    [
      'an owner by name',
      { name: 'xy', options: { uid: 'root' } },
      'invalid',
      /invalid value of option "uid": "root"$/,
    ],
    ['no mode', { name: 'xy', options: { mode: '9' } }, 'invalid', /invalid value of option "mode": "9"$/],
    [
      'an owner of a file system',
      { name: 'xy', options: { type: 'tmpfs', device: 'tmpfs', uid: '1' } },
      'invalid',
      /option "uid" is for volumes that are directories/,
    ],
    [
      'endless options',
      { name: 'xy', options: { type: 'tmpfs', device: 'x', o: 'a'.repeat(5000) } },
      'invalid',
      /longer than/,
    ],
    [
      'a relative bind',
      { name: 'xy', options: { type: 'none', device: 'x', o: 'bind' } },
      'invalid',
      /absolute path/,
    ],
  ];

  for (const [what, request, kind, message] of refused) {
    test(`create() refuses ${what}, and leaves nothing`, async () => {
      await assert.rejects(volumes.create(request), { kind, message });
      assert.deepEqual(readdirSync(root), ['.trash']);
      assert.deepEqual(volumes.list(), []);
      assert.deepEqual(deps.log, []);
    });
  }

  test('create() refuses a known name with another driver', async () => {
    await volumes.create({ name: 'data' });
    await assert.rejects(volumes.create({ name: 'data', driver: 'other' }), {
      kind: 'conflict',
      message: /^create data: volume name must be unique/,
    });
  });

  test('get() and remove() of an unknown volume: Docker’s wording', async () => {
    assert.throws(() => volumes.get('nope'), { kind: 'notFound', message: 'get nope: no such volume' });
    await assert.rejects(volumes.remove('nope'), { kind: 'notFound', message: 'get nope: no such volume' });
    assert.throws(() => volumes.addUser('nope', 'c1'), { kind: 'notFound' });
  });

  test('remove() refuses a volume that a container uses, and leaves it untouched', async () => {
    await volumes.create({ name: 'data' });
    volumes.addUser('data', 'c2');
    volumes.addUser('data', 'c1');
    volumes.addUser('data', 'c1');
    deps.log.length = 0;

    await assert.rejects(volumes.remove('data'), {
      kind: 'conflict',
      message: 'remove data: volume is in use - [c1, c2]',
    });
    assert.deepEqual(deps.log, []);

    volumes.releaseAll('c1');
    volumes.releaseAll('c2');
    await volumes.remove('data');
    assert.equal(volumes.find('data'), undefined);
  });

  test('remove() frees the name at once; the data goes after', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    writeFileSync(join(mountpoint, 'old'), '');
    await volumes.remove('data');
    const again = await volumes.create({ name: 'data' });

    assert.deepEqual(readdirSync(again.mountpoint), []);
    await volumes.settled();
    assert.deepEqual(readdirSync(join(root, '.trash')), []);
    assert.deepEqual(deps.log, [
      'event create data driver=local',
      'event destroy data driver=local',
      'remove tree',
      'event create data driver=local',
    ]);
  });

  test('restore() finishes a removal that was cut before the disk, and does not bring the volume back', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    writeFileSync(join(mountpoint, 'file'), '');
    deps.db.run(`DELETE FROM volumes WHERE name = 'data'`);
    deps.db.run(`INSERT INTO volume_removals (name) VALUES ('data')`);

    await restarted().restore(NOBODY);
    await volumes.settled();

    assert.deepEqual(readdirSync(root), ['.trash']);
    assert.deepEqual(readdirSync(join(root, '.trash')), []);
    assert.deepEqual(volumes.list(), []);
    assert.equal(deps.db.get('SELECT count(*) AS n FROM volume_removals')?.['n'], 0);
  });

  test('content is on the disk before it takes the place of what is thrown away', async () => {
    await volumes.create({ name: 'data' });
    await volumes.contents.snapshot('data', 'monday');
    deps.log.length = 0;
    await volumes.contents.restore('data', 'monday');
    await volumes.settled();
    assert.deepEqual(deps.log, ['sync', 'remove tree']);
  });

  test('restore() deletes what was thrown away, once', async () => {
    mkdirSync(join(root, '.trash', 'abc'));
    await restarted().restore(NOBODY);
    await volumes.settled();
    assert.deepEqual(readdirSync(join(root, '.trash')), []);
    assert.deepEqual(deps.log, ['remove tree']);
  });

  test('restore() adopts data without a row as a named volume, and clears an empty one away', async () => {
    mkdirSync(join(root, 'precious', '_data'), { recursive: true });
    writeFileSync(join(root, 'precious', '_data', 'file'), 'x');
    mkdirSync(join(root, 'halfmade', '_data'), { recursive: true });
    mkdirSync(join(root, 'other')); // no volume: none of our business
    writeFileSync(join(root, 'metadata.db'), '');

    await restarted().restore(NOBODY);

    assert.deepEqual(readdirSync(root).sort(), ['.trash', 'metadata.db', 'other', 'precious']);
    assert.deepEqual(
      volumes.list().map(({ name, isAnonymous }) => ({ name, isAnonymous })),
      [{ name: 'precious', isAnonymous: false }],
    );
    assert.deepEqual(deps.log, [
      'warn a volume without a record was found and is kept: precious',
      'event create precious driver=local',
    ]);
    const { removed } = await volumes.prune({ all: false, accepts: () => true });
    assert.deepEqual(removed, []);
  });

  test('restore() forgets containers that are gone', async () => {
    await volumes.create({ name: 'data', userId: 'gone' });
    volumes.addUser('data', 'here');
    await restarted().restore({ existing: new Set(['here']), running: new Set() });
    assert.deepEqual(volumes.usersOf('data'), ['here']);
  });

  const TMPFS = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,uid=1000' };

  test('mount() of a volume with options mounts for the first container, unmount() with the last', async () => {
    const { mountpoint } = await volumes.create({ name: 'mem', options: TMPFS });
    deps.log.length = 0;

    assert.equal(await volumes.mount('mem', 'c1'), mountpoint);
    await volumes.mount('mem', 'c1');
    await volumes.mount('mem', 'c2', { attributes: { destination: '/x' } });
    await volumes.unmount('mem', 'c1');
    assert.ok(deps.mounted.has(mountpoint));
    await volumes.unmount('mem', 'c2');
    await volumes.unmount('mem', 'c2');

    assert.deepEqual(deps.log, [
      'mount tmpfs tmpfs size=1m,uid=1000',
      'event mount mem driver=local container=c1',
      'event mount mem driver=local container=c1',
      'event mount mem driver=local container=c2 destination=/x',
      'event unmount mem driver=local container=c1',
      'unmount',
      'event unmount mem driver=local container=c2',
    ]);
  });

  test('restore() unmounts what only dead containers had mounted', async () => {
    await volumes.create({ name: 'mem', options: TMPFS });
    await volumes.create({ name: 'live', options: TMPFS });
    await volumes.mount('mem', 'dead');
    await volumes.mount('live', 'dead');
    await volumes.mount('live', 'alive');

    await restarted().restore({ existing: new Set(['dead', 'alive']), running: new Set(['alive']) });

    assert.deepEqual([...deps.mounted], [volumes.get('live').mountpoint]);
    await volumes.unmount('live', 'alive');
    assert.equal(deps.mounted.size, 0);
  });

  test('mount() that fails says why, and counts nobody', async () => {
    await volumes.create({ name: 'bad', options: { type: 'broken', device: '/dev/nope' } });
    await assert.rejects(volumes.mount('bad', 'c1'), {
      kind: 'invalid',
      message:
        /^error while mounting volume '.*\/bad\/_data': failed to mount local volume: mount broken \/dev\/nope: ENODEV: this kernel has no file system "broken": load/,
    });
    assert.equal(deps.db.get('SELECT count(*) AS n FROM volume_mounts')?.['n'], 0);
  });

  test('mount() makes a directory anew that somebody deleted, with a warning', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    rmSync(join(root, 'data'), { recursive: true });
    deps.log.length = 0;
    await volumes.mount('data', 'c1');
    assert.ok(existsSync(mountpoint));
    assert.match(deps.log[0] ?? '', /^warn the directory of a volume was gone/);
  });

  /** A root file system with `/etc/app/conf`. */
  function rootFs(): string {
    const at = join(folder, 'rootfs');
    mkdirSync(join(at, 'etc', 'app'), { recursive: true });
    writeFileSync(join(at, 'etc', 'app', 'conf'), 'x');
    return at;
  }

  test('copyUp() fills an empty volume, and leaves a full one alone', async () => {
    const { mountpoint } = await volumes.create({ name: 'data', userId: 'c1' });
    await volumes.copyUp('data', rootFs(), '/etc/app');
    assert.deepEqual(readdirSync(mountpoint), ['conf']);

    writeFileSync(join(mountpoint, 'mine'), '');
    rmSync(join(mountpoint, 'conf'));
    await volumes.copyUp('data', rootFs(), '/etc/app');
    assert.deepEqual(readdirSync(mountpoint), ['mine']);
    assert.deepEqual(readdirSync(join(root, 'data')), ['_data']);
  });

  test('copyUp() of a path that the image has not leaves the volume empty', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    await volumes.copyUp('data', rootFs(), '/nope');
    assert.deepEqual(readdirSync(mountpoint), []);
    assert.deepEqual(readdirSync(join(root, 'data')), ['_data']);
  });

  test('copyUp() keeps the very directory that other containers may have mounted', async () => {
    const { mountpoint } = await volumes.create({ name: 'data', userId: 'c1' });
    volumes.addUser('data', 'c2');
    const before = statSync(mountpoint).ino;
    await volumes.copyUp('data', rootFs(), '/etc/app');
    assert.equal(statSync(mountpoint).ino, before);
    assert.deepEqual(readdirSync(mountpoint), ['conf']);
  });

  test('a copy-up that was cut is done over: half of it is never seen', async () => {
    const { mountpoint } = await volumes.create({ name: 'data', userId: 'c1' });
    mkdirSync(join(root, 'data', '.copy-up'));
    writeFileSync(join(root, 'data', '.copy-up', 'half'), '');
    await restarted().restore({ existing: new Set(['c1']), running: new Set() });
    assert.deepEqual(readdirSync(join(root, 'data')), ['_data']);

    mkdirSync(join(root, 'data', '.copy-up'));
    writeFileSync(join(root, 'data', '.copy-up', 'half'), '');
    await volumes.copyUp('data', rootFs(), '/etc/app');
    assert.deepEqual(readdirSync(mountpoint), ['conf']);
  });

  test('prune() takes anonymous volumes nobody uses; named ones only when asked', async () => {
    const { name: anonymous } = await volumes.create({});
    await volumes.create({ userId: 'c1' });
    await volumes.create({ name: 'named' });
    await volumes.create({ name: 'kept', labels: { keep: '' } });

    assert.deepEqual(await volumes.prune({ all: false, accepts: () => true }), {
      removed: [anonymous],
      freedBytes: 100,
    });
    assert.equal(deps.log.at(-1), 'event prune  reclaimed=100');
    assert.deepEqual(
      (await volumes.prune({ all: true, accepts: ({ labels }) => !('keep' in labels) })).removed,
      ['named'],
    );
    assert.equal(volumes.list().length, 2);
  });

  test('copyUp() of an empty directory only takes its mode over', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    mkdirSync(join(folder, 'rootfs', 'empty'), { recursive: true });
    chmodSync(join(folder, 'rootfs', 'empty'), 0o1777);
    await volumes.copyUp('data', join(folder, 'rootfs'), '/empty');
    assert.equal(statSync(mountpoint).mode & 0o7777, 0o1777);
  });

  test('copyUp() stays inside the image: a link to a directory of the host is no source', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    mkdirSync(join(folder, 'secret'));
    writeFileSync(join(folder, 'secret', 'key'), '');
    symlinkSync(join(folder, 'secret'), join(rootFs(), 'link'));
    symlinkSync('../'.repeat(20) + join(folder, 'secret'), join(rootFs(), 'up'));
    await volumes.copyUp('data', rootFs(), '/link');
    await volumes.copyUp('data', rootFs(), '/up');
    assert.deepEqual(readdirSync(mountpoint), []);
  });

  test('unmount() of what is not mounted tells no event; what ran before a restart is known', async () => {
    await volumes.create({ name: 'data', userId: 'c1' });
    volumes.addUser('data', 'c2');
    await restarted().restore({ existing: new Set(['c1', 'c2']), running: new Set(['c1']) });
    await volumes.unmount('data', 'c2');
    await volumes.unmount('data', 'c1');
    await volumes.unmount('data', 'c1');
    assert.deepEqual(deps.log, ['event unmount data driver=local container=c1']);
  });

  test('mount() of a sub-path binds it to a place of the container’s own, and unmount() takes it down', async () => {
    const { mountpoint } = await volumes.create({ name: 'data', userId: 'c1' });
    mkdirSync(join(mountpoint, 'sub', 'dir'), { recursive: true });
    writeFileSync(join(mountpoint, 'file'), '');
    const first = await volumes.mount('data', 'c1', { subpath: 'sub/dir' });
    const second = await volumes.mount('data', 'c1', { subpath: 'file' });

    assert.deepEqual([first, second], [join(root, '.subpaths/c1/data/0'), join(root, '.subpaths/c1/data/1')]);
    assert.ok(statSync(first).isDirectory() && statSync(second).isFile());
    assert.match(deps.log[1] ?? '', /^mount none \/proc\/self\/fd\/\d+ bind$/);
    assert.deepEqual([...deps.mounted], [first, second]);
    await volumes.unmount('data', 'c1');
    assert.equal(deps.mounted.size, 0);
    assert.deepEqual(readdirSync(join(root, '.subpaths')), []);
  });

  test('restore() takes down sub-paths of containers that do not run, and no others', async () => {
    const { mountpoint } = await volumes.create({ name: 'data', userId: 'dead' });
    mkdirSync(join(mountpoint, 'sub'));
    await volumes.mount('data', 'dead', { subpath: 'sub' });
    const alive = await volumes.mount('data', 'alive', { subpath: 'sub' });
    await restarted().restore({ existing: new Set(['dead', 'alive']), running: new Set(['alive']) });
    assert.deepEqual([...deps.mounted], [alive]);
    assert.deepEqual(readdirSync(join(root, '.subpaths')), ['alive']);
  });

  test('mount() of a sub-path that is missing, or leads out of the volume, is refused', async () => {
    const { mountpoint } = await volumes.create({ name: 'data' });
    mkdirSync(join(folder, 'outside', 'dir'), { recursive: true });
    symlinkSync(join(folder, 'outside'), join(mountpoint, 'link'));
    symlinkSync('../'.repeat(9) + join(folder, 'outside'), join(mountpoint, 'up'));
    for (const subpath of ['nope', 'link/dir', 'up/dir', '../../../outside/dir']) {
      await assert.rejects(volumes.mount('data', 'c1', { subpath }), {
        kind: 'invalid',
        message: `cannot access path ${join(mountpoint, subpath)}: no such file or directory`,
      });
    }
    assert.equal(deps.mounted.size, 0);
  });
});
