import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '#base/logger';
import { ConmonRuntime } from '#runtime/conmon-runtime';
import type {
  AttachedStreams,
  BundlePaths,
  CreateOptions,
  ExecOptions,
  ProcessExit,
  ProcessRuntime,
} from '#runtime/process-runtime';
import type { RuntimeProgram } from '#runtime/runtime-layout';
import type { OciSpec } from '#spec/oci/runtime-spec';
import { cgroupDirectories, detectCgroups } from '#sys/cgroup';
import { PATIENCE_MS } from '../../support/until.ts';

const BUSYBOX = '/bin/busybox';
const CONMON = '/usr/bin/conmon';
const RUNTIMES = new Map<string, RuntimeProgram>([
  ['crun', { path: '/usr/bin/crun', gate: 'crun' }],
  ['runc', { path: '/usr/sbin/runc', gate: 'runc' }],
]);
/** One for each run: several may be under way on one machine. */
const CGROUP_PARENT = `/quai-runtime-test-${process.pid}`;
const APPLETS = [
  'sh',
  'cat',
  'echo',
  'sleep',
  'true',
  'ls',
  'stty',
  'id',
  'yes',
  'head',
  'wc',
  'readlink',
  'env',
  'seq',
  'dd',
  'tail',
];

/** Why these tests cannot run here; undefined when they can. */
export function whyNot(runtime = 'crun'): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = [BUSYBOX, CONMON, RUNTIMES.get(runtime)?.path ?? ''].find(path => !existsSync(path));
  return missing === undefined ? undefined : `needs ${missing}`;
}

export interface TestContainer {
  readonly id: string;
  readonly paths: BundlePaths;
  readonly options: CreateOptions;
  readonly exit: Promise<ProcessExit>;
}

export interface ContainerChanges {
  readonly args: readonly string[];
  readonly runtime?: string;
  readonly options?: Partial<CreateOptions>;
  readonly process?: Partial<OciSpec['process']>;
  readonly linux?: Partial<OciSpec['linux']>;
  readonly mounts?: OciSpec['mounts'];
}

/** A runtime in a temporary folder with a root file system of busybox; disposing it fails when anything is left. */
export class RuntimeFixture implements AsyncDisposable {
  readonly root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'quai-runtime-'));
  readonly runDir = join(this.root, 'run');
  runtime: ProcessRuntime & Disposable;
  readonly #exits = new Map<string, PromiseWithResolvers<ProcessExit>>();
  readonly exitEvents: ProcessExit[] = [];
  readonly #before = new Set(processIds());
  readonly #descriptorsBefore = openDescriptors();
  readonly #createTimeoutMs: number;
  #watching: Disposable;
  #counter = 0;

  constructor({ createTimeoutMs = PATIENCE_MS }: { readonly createTimeoutMs?: number } = {}) {
    this.#createTimeoutMs = createTimeoutMs;
    this.runtime = this.newRuntime();
    makeRootfs(join(this.root, 'rootfs'));
    this.#watching = this.#watch();
  }

  newRuntime(): ProcessRuntime & Disposable {
    return new ConmonRuntime({
      runDir: this.runDir,
      conmon: CONMON,
      runtimes: RUNTIMES,
      createTimeoutMs: this.#createTimeoutMs,
      logger: silentLogger,
    });
  }

  /** As if the engine had been killed and started again. */
  restart(): void {
    this.stop();
    this.start();
  }

  /** As if the engine had been killed: nobody watches what runs. */
  stop(): void {
    this.#watching[Symbol.dispose]();
    this.runtime[Symbol.dispose]();
  }

  start(): void {
    this.runtime = this.newRuntime();
    this.#watching = this.#watch();
  }

  prepare({ args, runtime = 'crun', options, process, linux, mounts = [] }: ContainerChanges): TestContainer {
    const id = randomBytes(32).toString('hex');
    const paths = { bundle: join(this.root, 'c', id), log: join(this.root, `${id}.log`) };
    const base = baseSpec(id, join(this.root, 'rootfs'), args);
    const spec: OciSpec = {
      ...base,
      process: { ...base.process, ...process, terminal: options?.hasTerminal ?? false },
      linux: { ...base.linux, ...linux },
      mounts: [...base.mounts, ...mounts],
    };
    const exit = Promise.withResolvers<ProcessExit>();
    this.#exits.set(id, exit);
    return {
      id,
      paths,
      exit: exit.promise,
      options: {
        id,
        paths,
        spec,
        runtime,
        hasTerminal: false,
        hasStdin: false,
        closesStdin: false,
        isLogged: true,
        ...options,
      },
    };
  }

  async create(changes: ContainerChanges): Promise<TestContainer> {
    const container = this.prepare(changes);
    await this.runtime.create(container.options);
    return container;
  }

  async run(changes: ContainerChanges): Promise<TestContainer> {
    const container = await this.create(changes);
    await this.runtime.start(container.id, container.options.runtime);
    return container;
  }

  execOptions(
    container: TestContainer,
    args: readonly string[],
    changes: Partial<ExecOptions> = {},
  ): ExecOptions {
    return {
      containerId: container.id,
      execId: `e${this.#counter++}`,
      paths: container.paths,
      process: { ...container.options.spec.process, args, terminal: changes.hasTerminal ?? false },
      runtime: container.options.runtime,
      hasTerminal: false,
      hasStdin: false,
      isAttached: true,
      ...changes,
    };
  }

  log(container: TestContainer): string {
    return readFileSync(container.paths.log, 'utf8');
  }

  async delete(container: TestContainer): Promise<void> {
    await this.runtime.delete(container.id, container.options.runtime);
    this.runtime.forgetExit(container.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.runtime.list()) await this.runtime.delete(id, 'crun');
    for (const { id } of this.exitEvents) this.runtime.forgetExit(id);
    this.#watching[Symbol.dispose]();
    this.runtime[Symbol.dispose]();
    await eventually(() => this.#leftovers().length === 0, 'all is gone').catch(() => undefined);
    const left = this.#leftovers();
    rmSync(this.root, { recursive: true, force: true });
    for (const directory of cgroupDirectories(detectCgroups(), CGROUP_PARENT)) removeCgroup(directory);
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }

  #watch(): Disposable {
    return this.runtime.watchExits(exit => {
      this.exitEvents.push(exit);
      this.#exits.get(exit.id)?.resolve(exit);
    });
  }

  #leftovers(): string[] {
    const files = ['records', 'exits', 'tty', 'crun', 'runc'].flatMap(name =>
      entries(join(this.runDir, name)),
    );
    const bundles = entries(join(this.root, 'c'));
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter(line => line.includes(this.root));
    const cgroups = cgroupDirectories(detectCgroups(), CGROUP_PARENT).flatMap(childDirectories);
    const processes = processIds().filter(
      pid => !this.#before.has(pid) && commandOf(pid).includes(this.root),
    );
    return [
      ...files,
      ...bundles,
      ...mounts,
      ...cgroups,
      ...processes.map(pid => `process ${pid} ${commandOf(pid)}`),
      ...openDescriptors().filter(fd => !this.#descriptorsBefore.includes(fd)),
    ];
  }
}

/** Everything a process writes, as `stream:text`, joined. */
export async function readAll(streams: AttachedStreams): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' };
  for await (const { stream, data } of streams.output) text[stream] += data.toString();
  return text;
}

/** Waits until `condition` holds. @throws when nobody would wait any longer. */
export async function eventually(
  condition: () => boolean,
  what: string,
  look: () => Promise<void> = async () => undefined,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`timed out: ${what}`);
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 5);
    await promise;
    await look();
  }
}

function makeRootfs(rootfs: string): void {
  for (const name of ['bin', 'proc', 'dev', 'sys', 'tmp', 'etc'])
    mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync(BUSYBOX, join(rootfs, 'bin', 'busybox'));
  for (const applet of APPLETS) copyFileSync(BUSYBOX, join(rootfs, 'bin', applet));
  writeFileSync(join(rootfs, 'etc', 'motd'), 'not a program\n', { mode: 0o644 });
}

function baseSpec(id: string, rootfs: string, args: readonly string[]): OciSpec {
  return {
    ociVersion: '1.0.2',
    hostname: 'test',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args,
      env: ['PATH=/bin'],
      cwd: '/',
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      rlimits: [],
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: false },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
    ],
    annotations: {},
    linux: {
      namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'ipc' }, { type: 'uts' }, { type: 'network' }],
      devices: [],
      cgroupsPath: `${CGROUP_PARENT}/${id}`,
      resources: {},
      sysctl: {},
      maskedPaths: [],
      readonlyPaths: [],
    },
  };
}

function removeCgroup(directory: string): void {
  if (existsSync(directory)) rmdirSync(directory);
}

function childDirectories(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const children = readdirSync(directory, { withFileTypes: true }).filter(entry => entry.isDirectory());
  return children.map(entry => join(directory, entry.name));
}

/** Open descriptors of this process, by what they are, but for the one that libuv keeps for watching files. */
function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target === 'anon_inode:inotify' ? [] : [`descriptor ${fd} ${target}`];
    } catch {
      return []; // the one that read the folder
    }
  });
}

function entries(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).map(name => join(directory, name)) : [];
}

function processIds(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // it has ended
  }
}
