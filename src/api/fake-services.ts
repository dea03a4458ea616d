import { type Duplex, Readable } from 'node:stream';
import * as v from 'valibot';
import { EngineError } from '#base/errors';
import { type ContainerId, type Digest, type EndpointId, type ExecId, type NetworkId } from '#base/ids';
import { silentLogger } from '#base/logger';
import type { ContainerEndpoint, ContainerView, Exec, MountPoint } from '#container/container';
import type { Image } from '#image/image';
import type { Endpoint, Network } from '#network/network';
import { ContainerConfig } from '#spec/docker/container-config';
import { HostConfig } from '#spec/docker/host-config';
import type { Volume } from '#volume/volume';
import type { ApiServerDeps } from './api-server.ts';
import { fakeBuilds, fakeContexts } from './fake-builds.ts';
import { fakeContainerFiles } from './fake-container-files.ts';
import { fakeContainerStats } from './fake-container-stats.ts';
import { fakeRegistries } from './fake-registries.ts';
import type { SystemInfo } from './system-info.ts';

const CREATED_AT = Date.UTC(2026, 0, 2, 3, 4, 5);

// Brands and digests are given to made-up identifiers here: nothing in a fake looks them up.
export const CONTAINER_ID = 'c'.repeat(64) as ContainerId;
export const EXEC_ID = 'e'.repeat(64) as ExecId;
export const IMAGE_ID: Digest = `sha256:${'a'.repeat(64)}`;
const NETWORK_ID = 'd'.repeat(64) as NetworkId;
const ENDPOINT_ID = 'f'.repeat(64) as EndpointId;

export function fakeContainer(change: Partial<ContainerView> = {}): ContainerView {
  return {
    id: CONTAINER_ID,
    name: 'web',
    createdAt: CREATED_AT,
    imageId: IMAGE_ID,
    imageName: 'busybox:latest',
    platform: 'linux/amd64',
    path: 'sh',
    args: ['-c', 'sleep 1000'],
    config: v.parse(ContainerConfig, {
      Hostname: CONTAINER_ID.slice(0, 12),
      Cmd: ['sh', '-c', 'sleep 1000'],
      Env: ['PATH=/bin'],
      Image: 'busybox:latest',
      ExposedPorts: { '80/tcp': {}, '81/tcp': {} },
      Labels: { tier: 'front' },
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
    }),
    hostConfig: v.parse(HostConfig, {
      NetworkMode: 'bridge',
      PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] },
      Binds: ['data:/data'],
    }),
    networking: { EndpointsConfig: {} },
    mounts: [dataMount],
    state: {
      status: 'running',
      pid: 4242,
      exitCode: 0,
      error: '',
      isOomKilled: false,
      startedAt: CREATED_AT + 100,
      health: {
        status: 'healthy',
        failingStreak: 0,
        log: [{ startedAt: CREATED_AT + 200, endedAt: CREATED_AT + 250, exitCode: 0, output: 'fine\n' }],
      },
    },
    restartCount: 0,
    isManuallyStopped: false,
    endpoints: [liveEndpoint],
    ports: [{ hostIp: '0.0.0.0', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
    sandboxKey: '/run/quai/netns/c',
    sandboxId: CONTAINER_ID,
    execIds: [],
    logPath: '/var/lib/quai/containers/c/log',
    hostsPath: '/var/lib/quai/containers/c/hosts',
    hostnamePath: '/var/lib/quai/containers/c/hostname',
    resolvConfPath: '/var/lib/quai/containers/c/resolv.conf',
    snapshotDirectories: {
      driver: 'overlay2',
      upper: '/s/3/fs',
      lowers: ['/s/2/fs', '/s/1/fs'],
      merged: '/run/quai/c/rootfs',
    },
    ...change,
  };
}

const dataMount: MountPoint = {
  type: 'volume',
  name: 'data',
  source: '/var/lib/quai/volumes/data/_data',
  destination: '/data',
  driver: 'local',
  mode: 'z',
  isWritable: true,
  propagation: '',
};

const liveEndpoint: ContainerEndpoint = {
  networkName: 'bridge',
  networkId: NETWORK_ID,
  endpointId: ENDPOINT_ID,
  gateway: '172.17.0.1',
  ipAddress: '172.17.0.2',
  ipPrefixLength: 16,
  ipv6Gateway: '',
  ipv6Address: '',
  ipv6PrefixLength: 0,
  macAddress: '02:42:ac:11:00:02',
  aliases: [],
  dnsNames: [],
};

export function fakeImage(change: Partial<Image> = {}): Image {
  return {
    id: IMAGE_ID,
    repoTags: ['busybox:latest'],
    repoDigests: [],
    createdAt: CREATED_AT,
    author: '',
    comment: '',
    platform: { os: 'linux', architecture: 'amd64' },
    config: v.parse(ContainerConfig, { Cmd: ['sh'], Env: ['PATH=/bin'] }),
    diffIds: [`sha256:${'b'.repeat(64)}`],
    snapshot: 'b',
    sizeBytes: 4_261_502,
    history: [
      {
        createdAt: CREATED_AT,
        createdBy: 'ADD rootfs / # buildkit',
        comment: '',
        isEmptyLayer: false,
        sizeBytes: 4_261_502,
      },
      { createdAt: CREATED_AT, createdBy: 'CMD ["sh"]', comment: '', isEmptyLayer: true, sizeBytes: 0 },
    ],
    lastTaggedAt: CREATED_AT,
    addedAt: CREATED_AT,
    isVariant: false,
    configBytes: 100,
    layers: [],
    ...change,
  };
}

export function fakeVolume(change: Partial<Volume> = {}): Volume {
  return {
    name: 'data',
    driver: 'local',
    mountpoint: '/var/lib/quai/volumes/data/_data',
    createdAt: CREATED_AT,
    labels: {},
    options: {},
    scope: 'local',
    isAnonymous: false,
    ...change,
  };
}

export function fakeNetwork(change: Partial<Network> = {}): Network {
  return {
    id: NETWORK_ID,
    name: 'bridge',
    driver: 'bridge',
    createdAt: CREATED_AT,
    scope: 'local',
    isInternal: false,
    isAttachable: false,
    isConfigOnly: false,
    configFrom: '',
    hasIpv4: true,
    hasIpv6: false,
    ipam: { driver: 'default', options: {}, pools: [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }] },
    options: {},
    labels: {},
    ...change,
  };
}

const fakeEndpoint: Endpoint = {
  id: ENDPOINT_ID,
  networkId: NETWORK_ID,
  networkName: 'bridge',
  containerId: CONTAINER_ID,
  interfaceName: 'eth0',
  macAddress: '02:42:ac:11:00:02',
  ipv4: { address: '172.17.0.2', prefixLength: 16, gateway: '172.17.0.1' },
  aliases: [],
  links: [],
  dnsNames: [],
  ports: [],
};

export const fakeExec: Exec = {
  id: EXEC_ID,
  containerId: CONTAINER_ID,
  isRunning: false,
  exitCode: 0,
  hasStdin: false,
  hasStdout: true,
  hasStderr: true,
  hasTerminal: false,
  detachKeys: '',
  entrypoint: 'true',
  args: [],
  user: '',
  isPrivileged: false,
  canRemove: false,
};

export const fakeSystem: SystemInfo = {
  build: { version: '0.1.0', gitCommit: 'abc1234', buildTime: '2026-01-02T03:04:05Z' },
  architecture: 'amd64',
  kernelVersion: '6.18.0',
  components: () => [{ name: 'crun', version: '1.28', details: { GitCommit: '' } }],
  report: () => ({
    id: '7TRN:IPZB:QYBB:VPBQ:UMPP:KARE:6ZNR:XE6T:7EWV:PKF4:ZOJD:TPYS',
    hostName: 'host',
    operatingSystem: 'Debian GNU/Linux 12 (bookworm)',
    osVersion: '12',
    kernelVersion: '6.18.0',
    machine: 'x86_64',
    cpuCount: 2,
    memoryBytes: 24 * 2 ** 30,
    rootDir: '/var/lib/quai',
    storageDriver: 'overlay2',
    storageStatus: [['Backing Filesystem', 'extfs']],
    cgroupVersion: 2,
    cgroupDriver: 'cgroupfs',
    limits: {
      memory: true,
      swap: true,
      cpuQuota: true,
      cpuShares: true,
      cpuSet: true,
      pids: true,
      oomKillDisable: false,
    },
    forwardsIpv4: true,
    firewall: 'nftables',
    runtimes: new Map([['crun', '/usr/bin/crun']]),
    defaultRuntime: 'crun',
    runtimeVersion: '1.28',
    initBinary: 'docker-init',
    initVersion: '',
    securityOptions: ['name=seccomp,profile=builtin'],
    logDriver: 'json-file',
    logDrivers: ['json-file', 'none'],
    networkDrivers: ['bridge', 'host', 'null'],
    volumeDrivers: ['local'],
    labels: [],
    warnings: [],
    isDebug: false,
    openDescriptors: 30,
  }),
};

type Containers = ApiServerDeps['containers'];

/** A service in which one container, `web`, answers to its name and ID. */
export function fakeContainers(change: Partial<Containers> = {}): Containers {
  const view = fakeContainer();
  const done = (): Promise<void> => Promise.resolve();
  const inspect = (reference: string): ContainerView => {
    if (reference === view.name || reference === view.id) return view;
    throw new EngineError('notFound', `No such container: ${reference}`);
  };
  return {
    create: () => Promise.resolve({ id: CONTAINER_ID, warnings: [] }),
    list: () => [view],
    inspect,
    sizes: () => Promise.resolve({ rw: 12, rootFs: 4_000_000 }),
    renameVolume: done,
    withUsersPaused: (_volume, work) => work(),
    start: done,
    stop: done,
    restart: done,
    kill: done,
    commit: async reference => {
      inspect(reference);
      return fakeImage();
    },
    files: fakeContainerFiles(),
    stats: fakeContainerStats(),
    update: async reference => {
      inspect(reference);
      return [];
    },
    pause: done,
    unpause: done,
    rename: done,
    remove: done,
    wait: () => Promise.resolve({ exitCode: 0, error: '' }),
    prune: () => Promise.resolve({ removed: [CONTAINER_ID], freedBytes: 12 }),
    top: () => Promise.resolve({ titles: ['PID', 'CMD'], processes: [['4242', 'sh']] }),
    resize: done,
    attach: () => Promise.resolve(greetingSession),
    logs: () => ({ isRaw: true, bytes: chunks('one\n', 'two\n') }),
    createExec: () => Promise.resolve(EXEC_ID),
    inspectExec: id => {
      if (id === EXEC_ID) return fakeExec;
      throw new EngineError('notFound', `No such exec instance: ${id}`);
    },
    startExec: () => Promise.resolve(greetingSession),
    resizeExec: done,
    changePorts: async () => undefined,
    connectNetwork: done,
    disconnectNetwork: done,
    nameOf: id => (id === CONTAINER_ID ? view.name : undefined),
    usersOfImage: id => (id === view.imageId ? [view] : []),
    counts: () => ({ running: 1, paused: 0, stopped: 0 }),
    ...change,
  };
}

/** A session that ends by itself. */
const greetingSession = {
  isRaw: true,
  run: (connection: Duplex | undefined): Promise<void> => {
    connection?.write('hello\n');
    return Promise.resolve();
  },
};

/** A session that sends back what it gets, until the client closes its side. */
export function echoSession({ isRaw = true }: { isRaw?: boolean } = {}) {
  return {
    isRaw,
    run: async (connection: Duplex | undefined): Promise<void> => {
      if (!connection) return;
      const input = connection.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
      for await (const chunk of input)
        connection.write(isRaw ? chunk : Buffer.concat([frameHead(chunk.length), chunk]));
      const end = Buffer.from('bye');
      connection.write(isRaw ? end : Buffer.concat([frameHead(end.length), end]));
    },
  };
}

function frameHead(length: number): Buffer {
  const head = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(length, 4);
  return head;
}

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function drain(stream: Readable): Promise<void> {
  for await (const _ of stream);
}

const fakeAttestation = {
  descriptor: { mediaType: 'application/vnd.in-toto+json', digest: IMAGE_ID, size: 2 },
  manifest: IMAGE_ID,
  about: IMAGE_ID,
  predicateType: 'https://slsa.dev/provenance/v1',
  bytes: Buffer.from('{ "predicateType": "https://slsa.dev/provenance/v1", "n": 1.0 }'),
};

export function fakeImages(change: Partial<ApiServerDeps['images']> = {}): ApiServerDeps['images'] {
  const image = fakeImage();
  const find = (reference: string): Image | undefined =>
    [image.id, 'busybox', 'busybox:latest'].includes(reference) ? image : undefined;
  return {
    load: async (archive, progress) => {
      await drain(archive);
      progress('Loaded image: busybox:latest');
    },
    import: async tar => {
      await drain(tar);
      return IMAGE_ID;
    },
    push: async (_name, emit) =>
      emit({ status: 'The push refers to repository [docker.io/library/busybox]' }),
    pull: async (_reference, emit) => emit({ status: 'Status: Image is up to date for busybox:latest' }),
    list: () => [image],
    find,
    get: reference => {
      const found = find(reference);
      if (!found) throw new EngineError('notFound', `No such image: ${reference}`);
      return found;
    },
    tag: () => Promise.resolve(),
    save: () => Promise.resolve(chunks('tar')),
    squash: () =>
      Promise.resolve({ image: fakeImage(), layers: 2, bytesBefore: 2, bytesAfter: 1, unsharedBytes: 1 }),
    tidy: () => Promise.resolve(),
    cleanUp: () => Promise.resolve({ items: [], freedBytes: 0 }),
    check: () => Promise.resolve({ images: 1, blobs: 1, bytes: 1, findings: [] }),
    target: () => undefined,
    manifests: () => [],
    storageDriver: 'overlay2',
    keptBytes: () => 0,
    attestations: () => Promise.resolve([fakeAttestation]),
    attestationsAt: () => Promise.resolve([fakeAttestation]),
    remove: () => Promise.resolve({ untagged: ['busybox:latest'], deleted: [IMAGE_ID], freedBytes: 7 }),
    ...change,
  };
}

function fakeContents(volume: Volume): ApiServerDeps['volumes']['contents'] {
  const snapshot = { id: 's', volume: volume.name, name: 'monday', createdAt: CREATED_AT };
  return {
    pack: () => Promise.resolve(Readable.from([])),
    clone: () => Promise.resolve(volume),
    unpack: () => Promise.resolve(volume),
    put: () => Promise.resolve(),
    stat: () => Promise.resolve({ name: 'x', size: 1, mode: 0o100644, mtimeMs: CREATED_AT }),
    snapshot: () => Promise.resolve(snapshot),
    snapshots: () => [snapshot],
    removeSnapshot: () => Promise.resolve(),
    restore: () => Promise.resolve(),
  };
}

export function fakeVolumes(change: Partial<ApiServerDeps['volumes']> = {}): ApiServerDeps['volumes'] {
  const volume = fakeVolume();
  return {
    create: ({ name, labels = {} }) => Promise.resolve(fakeVolume({ name: name ?? 'x', labels })),
    inspect: async name => {
      if (name !== volume.name) throw new EngineError('notFound', `get ${name}: no such volume`);
      return volume;
    },
    list: () => [volume],
    listAll: async () => ({ volumes: [volume], problems: [] }),
    remove: () => Promise.resolve(),
    prune: () => Promise.resolve({ removed: ['data'], freedBytes: 5 }),
    usersOf: () => [CONTAINER_ID],
    sizes: async () =>
      new Map([[volume.name, { sizeBytes: 5, inodes: 1, measuredAt: CREATED_AT, tookMs: 0 }]]),
    contents: fakeContents(volume),
    backups: {
      make: () => Promise.reject(new TypeError('not in this fake')),
      restore: () => Promise.resolve(volume),
    },
    artifacts: {
      make: () => Promise.reject(new TypeError('not in this fake')),
      restore: () => Promise.resolve(volume),
    },
    ...change,
  };
}

export function fakeNetworks(change: Partial<ApiServerDeps['networks']> = {}): ApiServerDeps['networks'] {
  const network = fakeNetwork();
  return {
    list: () => [network],
    get: reference => {
      if (![network.id, network.name].includes(reference)) {
        throw new EngineError('notFound', `network ${reference} not found`);
      }
      return network;
    },
    create: ({ name }) => Promise.resolve(fakeNetwork({ name })),
    remove: () => Promise.resolve(),
    addressUse: () => [{ subnet: '172.17.0.0/16', inUse: 3n, available: 65_533n }],
    endpointsOn: () => [fakeEndpoint],
    ...change,
  };
}

/** A whole engine of fakes: one running container, one image, one volume, one network. */
export function fakeApiDeps(change: Partial<ApiServerDeps> = {}): ApiServerDeps {
  return {
    containers: fakeContainers(),
    images: fakeImages(),
    volumes: fakeVolumes(),
    networks: fakeNetworks(),
    plugins: { list: async () => [] },
    schedules: {
      add: () => {
        throw new TypeError('not in this fake');
      },
      list: () => [],
      listAll: () => [],
      remove: () => undefined,
      nextRunOf: () => undefined,
    },
    registries: fakeRegistries(),
    builds: fakeBuilds(),
    contexts: fakeContexts,
    system: fakeSystem,
    events: {
      emit: () => undefined,
      listenerCount: 0,
      subscribe: async function* () {
        yield {
          type: 'container' as const,
          action: 'start',
          actor: { id: CONTAINER_ID, attributes: { image: 'busybox:latest', name: 'web' } },
          timeNanos: BigInt(CREATED_AT) * 1_000_000n + 1n,
        };
      },
    },
    logger: silentLogger,
    ...change,
  };
}
