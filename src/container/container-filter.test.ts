import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { ContainerConfig, NetworkingConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import type { ContainerState, ContainerView } from './container.ts';
import { filterContainers, prunable } from './container-filter.ts';

interface Sketch {
  config?: object;
  host?: object;
  state?: Partial<ContainerState>;
  view?: Partial<ContainerView>;
}

/** Made one after the other: the first is the oldest. */
function containers(sketches: Readonly<Record<string, Sketch>>): ContainerView[] {
  return Object.entries(sketches).map(([name, { config = {}, host = {}, state = {}, view = {} }], index) => ({
    id: `${'abcdef0123456789'[index] ?? ''}${'0'.repeat(63)}` as ContainerView['id'],
    name,
    createdAt: 1000 * (index + 1),
    imageId: '',
    imageName: 'busybox',
    platform: 'linux/amd64',
    path: 'sh',
    args: [],
    config: v.parse(ContainerConfig, config),
    hostConfig: v.parse(HostConfig, host),
    networking: v.parse(NetworkingConfig, {}),
    mounts: [],
    state: { status: 'running', exitCode: 0, error: '', isOomKilled: false, startedAt: 1, ...state },
    restartCount: 0,
    isManuallyStopped: false,
    endpoints: [],
    ports: [],
    sandboxKey: '',
    sandboxId: '',
    execIds: [],
    logPath: '',
    hostsPath: '',
    hostnamePath: '',
    resolvConfPath: '',
    ...view,
  }));
}

const IMAGE = `sha256:${'1'.repeat(64)}` as const;
const DERIVED = `sha256:${'2'.repeat(64)}` as const;

const ALL = containers({
  web: {
    config: { Labels: { app: 'web', tier: 'front=1' }, ExposedPorts: { '80/tcp': {}, '9000-9010/tcp': {} } },
    host: { PortBindings: { '80/tcp': [{ HostPort: '8080' }], '81/tcp': [] } },
    state: { health: { status: 'healthy', failingStreak: 0, log: [] } },
    view: { imageId: IMAGE },
  },
  web2: {
    config: { Labels: { app: 'web' } },
    state: { status: 'exited', exitCode: 3 },
    view: {
      imageId: DERIVED,
      ports: [{ hostIp: '::', hostPort: 32768, containerPort: 53, protocol: 'udp' }],
      mounts: [
        {
          type: 'volume',
          name: 'data',
          source: '/v/data/_data',
          destination: '/data',
          mode: '',
          isWritable: true,
          propagation: '',
        },
        {
          type: 'bind',
          source: '/srv',
          destination: '/www',
          mode: '',
          isWritable: true,
          propagation: 'rprivate',
        },
      ],
    },
  },
  db: {
    config: { Labels: { app: 'db' } },
    state: { status: 'paused' },
    view: {
      endpoints: [
        {
          networkName: 'backend',
          networkId: 'f00d'.repeat(16),
          endpointId: '',
          gateway: '',
          ipAddress: '',
          ipPrefixLength: 0,
          ipv6Gateway: '',
          ipv6Address: '',
          ipv6PrefixLength: 0,
          macAddress: '',
          aliases: [],
          dnsNames: [],
        },
      ],
    },
  },
  new: { state: { status: 'created' } },
  again: { state: { status: 'restarting', exitCode: 1 } },
});

const lookups = {
  resolveImage: (reference: string) => (reference === 'busybox' ? IMAGE : undefined),
  descendantsOf: (id: string) => (id === IMAGE ? [DERIVED] : []),
};

function list(filters: Record<string, string[]>, { all = false, limit = 0 } = {}): string {
  return filterContainers(ALL, { all, limit, filters: new Map(Object.entries(filters)) }, lookups)
    .map(({ name }) => name)
    .join(' ');
}

const lists: readonly (readonly [string, string, string])[] = [
  ['only what is up, newest first', list({}), 'again db web'],
  ['all', list({}, { all: true }), 'again new db web2 web'],
  ['limit counts all, newest first', list({}, { limit: 2 }), 'again new'],
  ['limit after the other filters', list({ label: ['app=web'] }, { limit: 1 }), 'web2'],
  ['status implies all', list({ status: ['exited', 'created'] }), 'new web2'],
  ['a filter without values is none', list({ status: [] }), 'again db web'],
  ['name: part', list({ name: ['web'] }, { all: true }), 'web2 web'],
  ['name: anchored', list({ name: ['^web$'] }, { all: true }), 'web'],
  ['name: anchored with the slash of old', list({ name: ['^/web$'] }, { all: true }), 'web'],
  ['name: alternatives', list({ name: ['^db$', 'again|new'] }, { all: true }), 'again new db'],
  ['name: a bad pattern matches nothing', list({ name: ['('] }, { all: true }), ''],
  ['id: prefix', list({ id: ['b', 'c00'] }, { all: true }), 'db web2'],
  ['id: not in the middle', list({ id: ['000'] }, { all: true }), ''],
  ['label: key', list({ label: ['tier'] }), 'web'],
  ['label: value with =', list({ label: ['tier=front=1'] }), 'web'],
  ['label: all must hold', list({ label: ['app=web', 'tier'] }, { all: true }), 'web'],
  ['label: no value is not an empty one', list({ label: ['app='] }), ''],
  ['label: a name of an object’s own', list({ label: ['toString'] }, { all: true }), ''],
  ['exited: code of those that ran and ended', list({ exited: ['3', '0'] }, { all: true }), 'web2'],
  ['health', list({ health: ['healthy'] }), 'web'],
  ['health none', list({ health: ['none'] }), 'again db'],
  ['ancestor, with what was built on it', list({ ancestor: ['busybox'] }, { all: true }), 'web2 web'],
  ['ancestor nobody knows', list({ ancestor: ['nope'] }, { all: true }), ''],
  ['before', list({ before: ['db'] }, { all: true }), 'web2 web'],
  ['since, by ID prefix', list({ since: ['b'] }, { all: true }), 'again new db'],
  ['before and since', list({ since: ['web'], before: ['again'] }, { all: true }), 'new db web2'],
  ['volume by name', list({ volume: ['data'] }, { all: true }), 'web2'],
  ['volume by destination', list({ volume: ['/data'] }, { all: true }), 'web2'],
  ['volume by bind source', list({ volume: ['/srv'] }, { all: true }), 'web2'],
  ['network by name', list({ network: ['backend'] }), 'db'],
  ['network by ID', list({ network: ['f00d'.repeat(16)] }), 'db'],
  ['network nobody is on', list({ network: ['x'] }), ''],
  ['publish: container port', list({ publish: ['80'] }), 'web'],
  ['publish: empty bindings publish nothing', list({ publish: ['81'] }), ''],
  ['publish: range and protocol', list({ publish: ['50-60/udp'] }, { all: true }), 'web2'],
  ['expose: a port in an exposed range', list({ expose: ['9005/tcp'] }), 'web'],
  ['is-task', list({ 'is-task': ['true'] }), ''],
  ['is not a task', list({ 'is-task': ['false'] }), 'again db web'],
  ['isolation is ignored', list({ isolation: ['hyperv'] }), 'again db web'],
];

for (const [what, actual, expected] of lists) {
  test(`filterContainers(): ${what}`, () => assert.equal(actual, expected));
}

const refused: readonly (readonly [Record<string, string[]>, string, string])[] = [
  [{ nope: ['x'] }, 'invalid', "invalid filter 'nope'"],
  [{ toString: ['x'] }, 'invalid', "invalid filter 'toString'"],
  [{ status: ['up'] }, 'invalid', "invalid filter 'status=up'"],
  [{ health: ['fine'] }, 'invalid', "invalid filter 'health=fine'"],
  [{ exited: ['x'] }, 'invalid', "invalid filter 'exited=x'"],
  [{ publish: ['8080:80'] }, 'invalid', "invalid filter 'publish=8080:80'"],
  [{ 'is-task': ['maybe'] }, 'invalid', "invalid filter 'is-task=maybe'"],
  [{ before: ['nope'] }, 'notFound', 'No such container: nope'],
];

for (const [filters, kind, message] of refused) {
  test(`filterContainers() refuses ${JSON.stringify(filters)}`, () => {
    assert.throws(() => list(filters), { kind, message });
  });
}

const pruned: readonly (readonly [Record<string, string[]>, string])[] = [
  [{}, 'web2 new'],
  [{ label: ['app=web'] }, 'web2'],
  [{ 'label!': ['app'] }, 'new'],
  [{ until: ['4'] }, 'web2'],
  [{ until: ['1970-01-01T00:00:03Z'] }, 'web2'],
  [{ until: ['1h6s'] }, 'web2'],
];

for (const [filters, expected] of pruned) {
  test(`prunable() with ${JSON.stringify(filters)}`, () => {
    const now = 3_600_000 + 6000 + 2500;
    const found = prunable(ALL, new Map(Object.entries(filters)), now);
    assert.equal(found.map(({ name }) => name).join(' '), expected);
  });
}

test('prunable() refuses what it does not know', () => {
  for (const filters of [{ status: ['exited'] }, { until: ['soon'] }, { until: ['1', '2'] }]) {
    assert.throws(() => prunable(ALL, new Map(Object.entries(filters))), { kind: 'invalid' });
  }
});
