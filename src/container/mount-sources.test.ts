import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import * as v from 'valibot';
import { EngineError } from '#base/errors';
import type { ContainerId } from '#base/ids';
import { silentLogger } from '#base/logger';
import { HostConfig } from '#spec/docker/host-config';
import { lookAt } from '#store/look-at';
import type { MountPoint } from './container.ts';
import { NEW_STATE } from './container-machine.ts';
import { HostPaths } from './host-paths.ts';
import { type MountMakerDeps, makeMounts } from './mount-maker.ts';
import { planMounts } from './mount-plan.ts';
import { type MountSourceDeps, prepareMounts } from './mount-sources.ts';

const ID = 'c1' as ContainerId;

const hostPaths = new HostPaths({ lookAt: async input => lookAt(input) });
const noJail = { run: () => Promise.reject(new TypeError('not in this test')) };

let folder: string;
let log: string[];
let volumes: MountMakerDeps['volumes'] & MountSourceDeps['volumes'];

describe('mount sources', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mount-test-'));
    for (const name of ['rootfs', 'host', 'volume']) mkdirSync(join(folder, name));
    log = [];
    let count = 0;
    volumes = {
      create: async ({ name, userId }) => {
        count += 1;
        const made = name ?? `anonymous${count}`;
        if (made === 'bad') throw new EngineError('invalid', 'create bad: no');
        log.push(`create ${made} for ${userId}`);
        return {
          name: made,
          driver: 'local',
          mountpoint: join(folder, 'volume'),
          createdAt: 0,
          labels: {},
          options: {},
          scope: 'local',
          isAnonymous: !name,
        };
      },
      remove: async name => void log.push(`remove ${name}`),
      releaseAll: id => void log.push(`release ${id}`),
      anonymousOf: () => ['anonymous1'],
      mount: async (name, id, options) => {
        log.push(
          `mount ${[name, options?.subpath].filter(Boolean).join('/')} for ${id} ${JSON.stringify(options?.attributes)}`,
        );
        return join(folder, 'volume');
      },
      copyUp: async (name, root, path) =>
        void log.push(`copy up ${name} from ${root.replace(folder, '')} ${path}`),
    };
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function make(hostConfig: object, image: string[] = [], deps: Partial<MountMakerDeps> = {}) {
    const plan = planMounts({
      hostConfig: v.parse(HostConfig, hostConfig),
      volumes: image,
      mountsOf: () => [],
    });
    return await makeMounts(plan, ID, { volumes, hostPaths, ...deps });
  }

  async function prepare(hostConfig: object, image: string[] = [], state = NEW_STATE): Promise<MountPoint[]> {
    const made = await make(hostConfig, image);
    log.length = 0;
    return await prepareMounts(
      { id: ID, mounts: made.mounts, hostConfig: v.parse(HostConfig, hostConfig), state },
      { rootfs: join(folder, 'rootfs') },
      {
        volumes,
        logger: silentLogger,
        host: {},
        jail: noJail,
        hostPaths,
      },
    );
  }

  test('makeMounts() makes volumes for the container and lists all as inspect shows them', async () => {
    const host = join(folder, 'host');
    const { mounts: made, warnings } = await make(
      {
        Binds: [`${host}:/b:ro`, 'vol:/v'],
        Mounts: [
          { Type: 'tmpfs', Target: '/t' },
          { Type: 'bind', Source: host, Target: '/c', BindOptions: { NonRecursive: true } },
        ],
      },
      ['/image'],
    );
    assert.deepEqual(warnings, []);
    assert.deepEqual(made, [
      {
        type: 'bind',
        destination: '/b',
        isWritable: false,
        mode: 'ro',
        source: host,
        propagation: 'rprivate',
        recursiveReadOnly: 'enabled',
      },
      {
        type: 'bind',
        destination: '/c',
        isWritable: true,
        mode: '',
        source: host,
        propagation: 'rprivate',
        isNonRecursive: true,
      },
      {
        type: 'volume',
        destination: '/image',
        isWritable: true,
        name: 'anonymous1',
        source: join(folder, 'volume'),
        driver: 'local',
        mode: '',
        propagation: '',
      },
      {
        type: 'tmpfs',
        destination: '/t',
        isWritable: true,
        mode: '',
        source: '',
        propagation: '',
        tmpfsOptions: '',
      },
      {
        type: 'volume',
        destination: '/v',
        isWritable: true,
        name: 'vol',
        source: join(folder, 'volume'),
        driver: 'local',
        mode: 'z',
        propagation: '',
      },
    ]);
    assert.deepEqual(log, ['create anonymous1 for c1', 'create vol for c1']);
  });

  test('makeMounts() undoes what it made when one fails', async () => {
    await assert.rejects(make({ Binds: ['/a1', 'bad:/b1'] }), { message: 'create bad: no' });
    assert.deepEqual(log, ['create anonymous1 for c1', 'release c1', 'remove anonymous1']);
  });

  test('a missing source: --mount refuses, -v warns and makes a directory at start', async () => {
    const nope = join(folder, 'no', 'pe');
    await assert.rejects(make({ Mounts: [{ Type: 'bind', Source: nope, Target: '/x' }] }), {
      kind: 'invalid',
      message: `invalid mount config for type "bind": bind source path does not exist: ${nope}`,
    });
    await assert.rejects(make({ Binds: [`${nope}:/x`] }, [], { refusesMissingSources: true }), {
      kind: 'invalid',
    });
    const { warnings } = await make({ Binds: [`${nope}:/x`] });
    assert.match(
      warnings.join(),
      new RegExp(`^bind source path does not exist: ${nope}: a directory will be made`),
    );
    assert.equal(existsSync(nope), false);

    await prepare({ Binds: [`${nope}:/x`] });
    assert.ok(statSync(nope).isDirectory());
  });

  test('a source that went away: -v makes it again, --mount refuses', async () => {
    const host = join(folder, 'host');
    const hostConfig = v.parse(HostConfig, {
      Binds: [`${host}:/v`],
      Mounts: [{ Type: 'bind', Source: host, Target: '/m' }],
    });
    const { mounts: made } = await make(hostConfig);
    rmSync(host, { recursive: true });
    const start = (mount: MountPoint | undefined) =>
      prepareMounts(
        { id: ID, mounts: mount ? [mount] : [], hostConfig, state: NEW_STATE },
        { rootfs: join(folder, 'rootfs') },
        { volumes, logger: silentLogger, host: {}, jail: noJail, hostPaths },
      );
    await assert.rejects(
      start(made.find(({ destination }) => destination === '/m')),
      /bind source path does not exist/,
    );
    await start(made.find(({ destination }) => destination === '/v'));
    assert.ok(existsSync(host));
  });

  test('a source below a file cannot be made', async () => {
    writeFileSync(join(folder, 'host', 'file'), '');
    await assert.rejects(prepare({ Binds: [`${join(folder, 'host', 'file', 'x')}:/x`] }), {
      kind: 'invalid',
      message: /^error while creating mount source path '.*\/file\/x': /,
    });
  });

  test('prepareMounts() mounts volumes and fills them, unless they say no', async () => {
    const prepared = await prepare({ Binds: ['b:/b:nocopy', 'a:/a:ro'] });
    assert.deepEqual(
      prepared.map(({ destination, source }) => `${destination} ${source.replace(folder, '')}`),
      ['/a /volume', '/b /volume'],
    );
    assert.deepEqual(log, [
      'mount a for c1 {"destination":"/a","read/write":"false","propagation":""}',
      'copy up a from /rootfs /a',
      'mount b for c1 {"destination":"/b","read/write":"true","propagation":""}',
    ]);
  });

  test('prepareMounts() fills volumes only at the first start', async () => {
    await prepare({ Binds: ['a:/a'] }, [], { ...NEW_STATE, status: 'exited', startedAt: 1 });
    assert.deepEqual(log, ['mount a for c1 {"destination":"/a","read/write":"true","propagation":""}']);
  });

  const HINT =
    /Are you trying to mount a directory onto a file \(or vice-versa\)\? Check if the specified host path exists/;

  test('a file at a directory, and a directory at a file, are refused with a hint', async () => {
    const file = join(folder, 'host', 'file');
    writeFileSync(file, '');
    mkdirSync(join(folder, 'rootfs', 'etc'));
    writeFileSync(join(folder, 'rootfs', 'conf'), '');

    await assert.rejects(prepare({ Binds: [`${file}:/etc`] }), {
      kind: 'invalid',
      message: new RegExp(
        `^cannot mount ${file}, which is a file, at /etc, which is a directory in the image.*${HINT.source}`,
      ),
    });
    await assert.rejects(prepare({ Binds: [`${join(folder, 'host')}:/conf`] }), HINT);
    await assert.rejects(prepare({ Binds: ['vol:/conf'] }), HINT);
    assert.equal(
      (await prepare({ Binds: [`${file}:/conf`, `${folder}/host:/etc`, `${file}:/new`] })).length,
      3,
    );
  });

  test('what a shallower mount covers is not compared with the image', async () => {
    const file = join(folder, 'host', 'file');
    writeFileSync(file, '');
    mkdirSync(join(folder, 'rootfs', 'etc', 'app'), { recursive: true });
    const prepared = await prepare({ Binds: [`${file}:/etc/app`, `${folder}/host:/etc`] });
    assert.equal(prepared.length, 2);
  });

  test('links of the image are followed inside it, never out', async () => {
    symlinkSync('/', join(folder, 'rootfs', 'out'));
    writeFileSync(join(folder, 'rootfs', 'inside'), '');
    // On the host /inside does not exist; in the image it is a file.
    await assert.rejects(prepare({ Binds: [`${folder}/host:/out/inside`] }), HINT);
  });

  test('a sub-path is asked for, and not filled from the image', async () => {
    await prepare({
      Mounts: [{ Type: 'volume', Source: 'vol', Target: '/x', VolumeOptions: { Subpath: 'sub/dir' } }],
    });
    assert.deepEqual(log, [
      'mount vol/sub/dir for c1 {"destination":"/x","read/write":"true","propagation":""}',
    ]);
  });
});
