import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { HostConfig } from '#spec/docker/host-config';
import type { MountPoint } from './container.ts';
import { planMounts } from './mount-plan.ts';
import { type MountSpec, parseBind, parseMount, parseVolumesFrom } from './mount-spec.ts';

const OTHER: readonly MountPoint[] = [
  {
    type: 'volume',
    name: 'shared',
    source: '/v/shared/_data',
    destination: '/data',
    driver: 'local',
    mode: 'z',
    isWritable: true,
    propagation: '',
  },
  { type: 'bind', source: '/srv', destination: '/srv', mode: 'ro', isWritable: false, propagation: 'rslave' },
  {
    type: 'tmpfs',
    source: '',
    destination: '/mem',
    mode: '',
    isWritable: true,
    propagation: '',
    tmpfsOptions: 'size=1m',
  },
];

function plan(hostConfig: object, volumes: readonly string[] = []): MountSpec[] {
  return planMounts({
    hostConfig: v.parse(HostConfig, hostConfig),
    volumes: [...volumes],
    mountsOf: container => {
      if (container !== 'other') throw new EngineError('notFound', `No such container: ${container}`);
      return OTHER;
    },
  });
}

/** `type what→destination[ ro]`, one per mount. */
function sketch(mounts: readonly MountSpec[]): string[] {
  return mounts.map(({ type, bind, volume, tmpfsOptions, destination, isWritable }) => {
    const what = bind?.source ?? volume?.name ?? tmpfsOptions ?? '(new)';
    return `${type} ${what}→${destination}${isWritable ? '' : ' ro'}`;
  });
}

const plans: readonly (readonly [string, MountSpec[], string[]])[] = [
  ['nothing', plan({}), []],
  [
    '-v of each form',
    plan({ Binds: ['/a:/x', 'vol:/y:ro', '/z'] }),
    ['bind /a→/x', 'volume vol→/y ro', 'volume (new)→/z'],
  ],
  [
    'paths are cleaned',
    plan({ Binds: ['/a//b/../c/:/x/./y/'] }, ['/d/']),
    ['volume (new)→/d', 'bind /a/c→/x/y'],
  ],
  ['a volume of the image', plan({}, ['/data']), ['volume (new)→/data']],
  ['an option beats a volume of the image', plan({ Binds: ['vol:/data'] }, ['/data/']), ['volume vol→/data']],
  [
    '--tmpfs beats a volume of the image, and is not listed',
    plan({ Tmpfs: { '/data/': '' } }, ['/data']),
    [],
  ],
  [
    '--volumes-from',
    plan({ VolumesFrom: ['other'] }),
    ['volume shared→/data', 'tmpfs size=1m→/mem', 'bind /srv→/srv ro'],
  ],
  [
    '--volumes-from :ro',
    plan({ VolumesFrom: ['other:ro'] }),
    ['volume shared→/data ro', 'tmpfs size=1m→/mem ro', 'bind /srv→/srv ro'],
  ],
  [
    '--volumes-from beats the image, an option beats both',
    plan({ VolumesFrom: ['other'], Binds: ['/own:/srv'], Tmpfs: { '/mem': '' } }, ['/data']),
    ['volume shared→/data', 'bind /own→/srv'],
  ],
  [
    'parents come first',
    plan({ Binds: ['/3:/a/b/c', '/1:/a', '/2:/a/b', '/0:/B'] }),
    ['bind /0→/B', 'bind /1→/a', 'bind /2→/a/b', 'bind /3→/a/b/c'],
  ],
  [
    '--mount of each type',
    plan({
      Mounts: [
        { Type: 'bind', Source: '/a', Target: '/x', ReadOnly: true },
        { Type: 'volume', Source: 'vol', Target: '/y' },
        { Type: 'volume', Target: '/z' },
        {
          Type: 'tmpfs',
          Target: '/t',
          TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1777, Options: [['exec']] },
        },
      ],
    }),
    ['tmpfs mode=1777,size=1048576,exec→/t', 'bind /a→/x ro', 'volume vol→/y', 'volume (new)→/z'],
  ],
];

for (const [what, actual, expected] of plans) {
  test(`planMounts(): ${what}`, () => assert.deepEqual(sketch(actual), expected));
}

const refusedPlans: readonly (readonly [object, string[], string])[] = [
  [{ Binds: ['/a:/x', '/b:/x/'] }, [], 'Duplicate mount point: /x'],
  [{ Binds: ['/a:/x'], Mounts: [{ Type: 'volume', Target: '/x' }] }, [], 'Duplicate mount point: /x'],
  [
    {
      Mounts: [
        { Type: 'volume', Target: '/x' },
        { Type: 'tmpfs', Target: '/x' },
      ],
    },
    [],
    'Duplicate mount point: /x',
  ],
  [{ Binds: ['/a:/x'], Tmpfs: { '/x': '' } }, [], 'Duplicate mount point: /x'],
  [{ VolumesFrom: ['nope'] }, [], 'No such container: nope'],
  [
    { Tmpfs: { x: '' } },
    [],
    'invalid mount config for type "tmpfs": invalid mount path: \'x\' mount path must be absolute',
  ],
  [
    {},
    ['data'],
    'invalid mount config for type "volume": invalid mount path: \'data\' mount path must be absolute',
  ],
  [{}, ['/'], "invalid mount config for type \"volume\": invalid specification: destination can't be '/'"],
];

for (const [hostConfig, volumes, message] of refusedPlans) {
  test(`planMounts() refuses ${JSON.stringify(hostConfig)} ${volumes.join()}`, () => {
    assert.throws(() => plan(hostConfig, volumes), { name: 'EngineError', message });
  });
}

const binds: readonly (readonly [string, string])[] = [
  ['', "invalid volume specification: ''"],
  [':/x', "invalid volume specification: ':/x'"],
  ['/x:ro', "invalid volume specification: '/x:ro'"],
  ['a:b:c:d', "invalid volume specification: 'a:b:c:d'"],
  ['/a:/x:foo', 'invalid mode: foo'],
  ['/a:/x:ro,rw', 'invalid mode: ro,rw'],
  ['/a:/x:ro,', 'invalid mode: ro,'],
  ['/a:', `invalid volume specification: '/a:'`],
  [
    '/a:/',
    `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
  ],
  [
    'vol:/x/..',
    `invalid volume specification: 'vol:/x/..': invalid mount config for type "volume": invalid specification: destination can't be '/'`,
  ],
  [
    '/a:x',
    `invalid volume specification: '/a:x': invalid mount config for type "bind": invalid mount path: 'x' mount path must be absolute`,
  ],
  [
    'x',
    `invalid volume specification: 'x': invalid mount config for type "volume": invalid mount path: 'x' mount path must be absolute`,
  ],
  [
    'vol:/x:rshared',
    `invalid volume specification: 'vol:/x:rshared': invalid mount config for type "volume": field BindOptions must not be specified`,
  ],
];

for (const [raw, message] of binds) {
  test(`parseBind() refuses ${JSON.stringify(raw)}`, () => {
    assert.throws(() => parseBind(raw, ''), { kind: 'invalid', message });
  });
}

test('parseBind() reads modes', () => {
  assert.deepEqual(parseBind('/a:/x:ro,Z,rslave,cached', ''), {
    origin: 'option',
    type: 'bind',
    destination: '/x',
    isWritable: false,
    mode: 'ro,Z,rslave,cached',
    bind: {
      source: '/a',
      propagation: 'rslave',
      createsSource: true,
      isNonRecursive: false,
      recursiveReadOnly: 'enabled',
    },
  });
  assert.deepEqual(parseBind('vol:/x:nocopy', 'other'), {
    origin: 'option',
    type: 'volume',
    destination: '/x',
    isWritable: true,
    mode: 'nocopy',
    volume: { name: 'vol', driver: 'other', labels: {}, options: {}, isNoCopy: true },
  });
});

for (const [raw, expected] of [
  ['web', 'web rw'],
  ['web:ro', 'web ro'],
  ['web:rw', 'web rw'],
  ['web:z', 'web rw'],
  ['', 'invalid volumes-from specification: "": it names no container'],
  [':ro', 'invalid volumes-from specification: ":ro": it names no container'],
  ['web:nocopy', 'invalid mode: nocopy'],
  ['web:rshared', 'invalid mode: rshared'],
  ['web:x', 'invalid mode: x'],
] as const) {
  test(`parseVolumesFrom(${JSON.stringify(raw)})`, () => {
    assert.equal(
      outcome(() => {
        const { container, isWritable } = parseVolumesFrom(raw);
        return `${container} ${isWritable ? 'rw' : 'ro'}`;
      }),
      expected,
    );
  });
}

function outcome(work: () => string): string {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
}

function mount(fields: object): MountSpec {
  const [parsed] = v.parse(HostConfig, { Mounts: [fields] }).Mounts;
  assert.ok(parsed);
  return parseMount(parsed);
}

const BIND = { Type: 'bind', Source: '/a', Target: '/x' };
const VOLUME = { Type: 'volume', Source: 'v', Target: '/x' };
const TMPFS = { Type: 'tmpfs', Target: '/x' };

const mounts: readonly (readonly [object, string])[] = [
  [{ ...BIND, Target: '' }, 'field Target must not be empty'],
  [{ ...BIND, Target: '/' }, "invalid specification: destination can't be '/'"],
  [{ ...BIND, Target: 'x' }, "invalid mount path: 'x' mount path must be absolute"],
  [{ ...BIND, Target: '/x\0' }, 'mount path must not have NUL characters'],
  [{ ...BIND, Source: '' }, 'field Source must not be empty'],
  [{ ...BIND, Source: 'a' }, "invalid mount path: 'a' mount path must be absolute"],
  [{ ...BIND, BindOptions: { Propagation: 'odd' } }, 'invalid propagation mode: odd'],
  [{ ...BIND, VolumeOptions: {} }, 'field VolumeOptions must not be specified'],
  [{ ...BIND, TmpfsOptions: {} }, 'field TmpfsOptions must not be specified'],
  [
    { ...BIND, BindOptions: { ReadOnlyForceRecursive: true } },
    'mount must be set ReadOnly to set ReadOnlyForceRecursive',
  ],
  [
    { ...BIND, ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true, Propagation: 'rshared' } },
    'ReadOnlyForceRecursive needs propagation "rprivate", not "rshared"',
  ],
  [{ ...VOLUME, BindOptions: {} }, 'field BindOptions must not be specified'],
  [
    { ...VOLUME, Source: '', VolumeOptions: { Subpath: 'a' } },
    'must not set Subpath when using anonymous volumes',
  ],
  [{ ...VOLUME, VolumeOptions: { Subpath: '/a' } }, 'subpath must be a relative path within the volume'],
  [
    { ...VOLUME, VolumeOptions: { Subpath: 'a/../../b' } },
    'subpath must be a relative path within the volume',
  ],
  [{ ...VOLUME, VolumeOptions: { Subpath: '..' } }, 'subpath must be a relative path within the volume'],
  [{ ...VOLUME, Source: '', ReadOnly: true }, 'must not set ReadOnly mode when using anonymous volumes'],
  [{ ...TMPFS, Source: '/a' }, 'field Source must not be specified'],
  [{ ...TMPFS, BindOptions: {} }, 'field BindOptions must not be specified'],
  [{ ...TMPFS, TmpfsOptions: { SizeBytes: -1 } }, 'invalid tmpfs size: -1'],
  [{ ...TMPFS, TmpfsOptions: { Options: [['uid', '0']] } }, 'invalid option: uid'],
  [{ ...TMPFS, TmpfsOptions: { Options: [[]] } }, 'invalid option array length'],
  [{ ...BIND, Type: 'npipe' }, 'named pipes of Windows cannot be mounted on Linux'],
  [{ ...BIND, Type: 'cluster' }, 'cluster volumes need a cluster'],
  [{ ...BIND, Type: 'odd' }, 'mount type unknown'],
];

for (const [fields, reason] of mounts) {
  test(`parseMount() refuses ${JSON.stringify(fields)}`, () => {
    const { Type } = fields as { Type: string };
    assert.throws(() => mount(fields), {
      kind: 'invalid',
      message: `invalid mount config for type "${Type}": ${reason}`,
    });
  });
}

test('parseMount() says that images cannot be mounted yet', () => {
  assert.throws(() => mount({ ...BIND, Type: 'image' }), { kind: 'notImplemented' });
});

test('parseMount() reads all options', () => {
  assert.deepEqual(
    mount({
      ...BIND,
      ReadOnly: true,
      BindOptions: { Propagation: 'rprivate', CreateMountpoint: true, ReadOnlyForceRecursive: true },
    }).bind,
    {
      source: '/a',
      propagation: 'rprivate',
      createsSource: true,
      isNonRecursive: false,
      recursiveReadOnly: 'force',
    },
  );
  assert.equal(
    mount({ ...BIND, BindOptions: { ReadOnlyNonRecursive: true } }).bind?.recursiveReadOnly,
    'disabled',
  );
  assert.deepEqual(
    mount({
      ...VOLUME,
      VolumeOptions: {
        NoCopy: true,
        Labels: { a: 'b' },
        Subpath: 'a//b/',
        DriverConfig: { Name: 'local', Options: { type: 'tmpfs' } },
      },
    }).volume,
    {
      name: 'v',
      driver: 'local',
      labels: { a: 'b' },
      options: { type: 'tmpfs' },
      isNoCopy: true,
      subpath: 'a/b/',
    },
  );
  assert.equal(mount({ ...TMPFS, ReadOnly: true }).tmpfsOptions, 'ro');
});
