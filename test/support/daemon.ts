import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { inNetns } from '#sys/netns';
import {
  type Answer,
  EngineClient,
  type Hijacked,
  type RequestOptions,
  type StreamAnswer,
} from './engine-client.ts';
import {
  type HostState,
  hostState,
  isAnotherEngineRunning,
  leaksNaming,
  leaksSince,
  mounts,
  settle,
} from './leak-check.ts';
import { type ProgramOptions, type ProgramResult, runProgram } from './programs.ts';
import { PATIENCE_MS } from './until.ts';

const LAUNCHER = fileURLToPath(new URL('../../quai', import.meta.url));
/** `QUAI_TEST_STORAGE_DRIVER=overlay2` runs everything with the other driver of layers. */
const STORAGE = process.env['QUAI_TEST_STORAGE_DRIVER']
  ? ['--storage-driver', process.env['QUAI_TEST_STORAGE_DRIVER']]
  : [];
const MOST_PROBLEMS = 50;
/** Tests of other files run at the same time: then only what bears an engine's name is its, see `whole-machine.test.ts`. */
const HAS_NEIGHBOURS = process.env['QUAI_TEST_HAS_NEIGHBOURS'] === '1';

export interface DaemonOptions {
  /** data root; a temporary folder unless given. A given one is kept when the daemon is disposed. */
  readonly root?: string;
  /** content of the configuration file */
  readonly config?: Readonly<Record<string, unknown>>;
  /** more words for `quai daemon` */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** the launcher; that of this repository unless given */
  readonly program?: string;
  /** path of a network name space that the engine takes for its host's; the one of the test unless given */
  readonly netns?: string;
  /** how long what it leaves is waited for to go, when it is disposed */
  readonly graceMs?: number;
}

/** Why tests that start the engine cannot run here; for `{ skip: cannotRunDaemon }`. */
export const cannotRunDaemon: string | false =
  process.getuid?.() === 0 ? false : 'needs root: the engine mounts, and makes name spaces';

/** Why tests that drive the Docker command line cannot run here. */
export const cannotRunDocker: string | false =
  cannotRunDaemon || (dockerProgram() ? false : 'no docker command line');

/** A real engine on a temporary root and socket, ready to answer. Dispose it with `await using`. */
export async function startDaemon(options: DaemonOptions = {}): Promise<TestDaemon> {
  const daemon = new TestDaemon(options);
  try {
    await daemon.start();
    return daemon;
  } catch (error) {
    daemon.discard();
    throw error;
  }
}

/** Folders of the engines of this process that are not disposed yet; the host as it was before the first of them. */
const alive = new Set<string>();
let hostBefore: HostState | undefined;

export class TestDaemon implements AsyncDisposable {
  /** holds everything below; its name is in every path the engine uses */
  readonly folder = mkdtempSync(`${tmpdir()}/quai-test-`);
  readonly root: string;
  readonly runDir = `${this.folder}/run`;
  readonly socketPath = `${this.folder}/q.sock`;
  readonly #client = new EngineClient(this.socketPath);
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;
  /** every container it is known to have had */
  readonly #containerIds = new Set<string>();
  #isDisposed = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.root = options.root ?? `${this.folder}/root`;
    if (alive.size === 0) hostBefore = HAS_NEIGHBOURS || isAnotherEngineRunning([]) ? undefined : hostState();
    alive.add(this.folder);
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the engine is not running');
    return pid;
  }

  /** whether the engine's process is there */
  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** everything the engine has logged, over restarts */
  get log(): string {
    const path = `${this.folder}/log`;
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  call(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Answer> {
    return this.#client.call(method, path, body, options);
  }

  stream(method: string, path: string, options?: RequestOptions): Promise<StreamAnswer> {
    return this.#client.stream(method, path, options);
  }

  hijack(method: string, path: string, options?: RequestOptions): Promise<Hijacked> {
    return this.#client.hijack(method, path, options);
  }

  /** Runs the Docker command line against this engine, with an empty configuration of its own. */
  docker(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    return runProgram(dockerProgram() ?? 'docker', args, {
      ...options,
      env: { ...this.clientEnv, ...options.env },
    });
  }

  /** Runs our own command line against this engine. */
  quai(args: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
    return runProgram(LAUNCHER, args, { ...options, env: { ...this.clientEnv, ...options.env } });
  }

  /** `docker …` or `quai …` that must end well: its standard output without the last line end */
  async ok(
    program: 'docker' | 'quai',
    args: readonly string[],
    options: ProgramOptions = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this[program](args, options);
    assert.equal(code, 0, `${program} ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout.replace(/\r?\n$/, '');
  }

  /** `docker …` or `quai …` that must fail: its standard error without the last line end */
  async refused(
    program: 'docker' | 'quai',
    args: readonly string[],
    options: ProgramOptions = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this[program](args, options);
    assert.notEqual(code, 0, `${program} ${args.join(' ')} did not fail: ${stdout}${stderr}`);
    return stderr.replace(/\r?\n$/, '');
  }

  /** Kills the engine as a crash would, and waits until it is gone. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops the engine as an administrator would. @throws when it takes too long or ends with an error. */
  async stop(): Promise<void> {
    const child = this.#child;
    await this.#end('SIGTERM');
    if (child && child.exitCode !== 0) {
      throw new Error(
        `the engine ended with ${child.exitCode ?? child.signalCode} on SIGTERM\n${this.#logTail()}`,
      );
    }
  }

  /** Stops it if it runs, and starts it on the same root and socket. `flags` replace those it was started with. */
  async restart(flags?: readonly string[]): Promise<void> {
    if (this.isRunning) await this.stop();
    await this.start(flags);
  }

  /** Starts the engine's process and waits for its first answer. @throws with its log when it ends instead. */
  async start(flags = this.#options.flags ?? []): Promise<void> {
    const log = openSync(`${this.folder}/log`, 'a');
    try {
      const launch = (): ChildProcess =>
        spawn(this.#options.program ?? LAUNCHER, ['daemon', ...this.#arguments(), ...STORAGE, ...flags], {
          stdio: ['ignore', log, log],
          env: { ...process.env, ...this.#options.env },
        });
      const { netns } = this.#options;
      this.#child = netns === undefined ? launch() : inNetns(netns, launch);
    } finally {
      closeSync(log);
    }
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await this.#answers())) {
      if (!this.isRunning) throw new Error(`the engine ended while starting\n${this.#logTail()}`);
      if (Date.now() > deadline) throw new Error(`the engine did not answer in time\n${this.#logTail()}`);
      await pause();
    }
  }

  /** Waits until the process has ended by itself, as at a fault point. */
  async ended(): Promise<void> {
    if (this.isRunning && this.#child) await once(this.#child, 'exit');
  }

  /** Forgets an engine that never came to life. */
  discard(): void {
    this.#isDisposed = true;
    alive.delete(this.folder);
    this.#sweep([]);
  }

  /** Removes containers, stops the engine, and fails when anything of it is left on the host. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const problems: string[] = [];
    const attempt = async (work: () => Promise<void>): Promise<void> => {
      await work().catch(
        (error: unknown) => void problems.push(error instanceof Error ? error.message : String(error)),
      );
    };
    await attempt(() => this.#empty());
    problems.push(...(await settle(() => this.#runDirLeaks(), this.#options.graceMs)));
    await attempt(() => this.stop());
    problems.push(...(await this.#leaks()));
    if (process.env['QUAI_TEST_LOG']) process.stderr.write(this.log);
    const logTail = this.#logTail();
    this.#sweep(problems);
    if (problems.length > 0) {
      const lines = problems.slice(0, MOST_PROBLEMS).join('\n- ');
      throw new Error(
        `the engine did not go cleanly (${problems.length} things left):\n- ${lines}\n${logTail}`,
      );
    }
  }

  /** A crashed engine is started once more, because cleaning up after a crash is its job. */
  async #empty(): Promise<void> {
    if (!this.isRunning) await this.start([]);
    await this.#rememberContainers();
    const { body } = await this.call('GET', '/containers/json?all=1');
    for (const { Id } of Array.isArray(body) ? (body as { Id: string }[]) : []) {
      const { status, body: reason } = await this.call('DELETE', `/containers/${Id}?force=1&v=1`);
      if (status >= 400 && status !== 404)
        throw new Error(`cannot remove container ${Id}: ${JSON.stringify(reason)}`);
    }
    await this.call('POST', '/networks/prune');
  }

  /** Removed ones too, as far as the engine still tells. */
  async #rememberContainers(): Promise<void> {
    const until = Math.ceil(Date.now() / 1000);
    const filters = encodeURIComponent('{"type":["container"]}');
    const { body } = await this.call('GET', `/events?since=0&until=${until}&filters=${filters}`);
    const events = typeof body === 'string' ? body : JSON.stringify(body ?? '');
    for (const [, id = ''] of events.matchAll(/"ID":"([0-9a-f]{64})"/g)) this.#containerIds.add(id);
  }

  /** What bears this engine's name; and, once no engine is left on the machine, all that was not there before. */
  async #leaks(): Promise<string[]> {
    alive.delete(this.folder);
    const { graceMs } = this.#options;
    const leaks = await leaksNaming([this.folder, ...this.#ownNames(), ...this.#containerIds], graceMs);
    if (alive.size === 0 && hostBefore && !isAnotherEngineRunning([])) {
      leaks.push(...(await leaksSince(hostBefore, graceMs)));
    }
    return [...new Set(leaks)];
  }

  /**
   * What containers left in the run directory, seen while the engine still runs: it takes the whole file system with
   * it when it stops. Its own folders may stay; what is in them may not, nor may files.
   */
  #runDirLeaks(): string[] {
    const inside = `${this.runDir}/`;
    const mounted = mounts().filter(mount => mount.startsWith(inside));
    const files = namesIn(this.runDir).flatMap(name => {
      const isFolder = statSync(`${inside}${name}`, { throwIfNoEntry: false })?.isDirectory();
      return isFolder ? namesIn(`${inside}${name}`).map(each => `${name}/${each}`) : [name];
    });
    return [...mounted.map(mount => `mount: ${mount}`), ...files.map(file => `file: ${inside}${file}`)];
  }

  /** Table, bridge and links carry a key that follows from the root (see `daemon/daemon-config.ts`). */
  #ownNames(): string[] {
    const key = createHash('sha256').update(this.root).digest('hex').slice(0, 8);
    return [`quai_${key.slice(0, 4)}`, `q${key}0`, `q${key.slice(0, 4)}-`];
  }

  /** After the verdict: what leaked must not disturb the next test, as far as it bears this engine's name. */
  #sweep(leaks: readonly string[]): void {
    if (this.isRunning) this.#child?.kill('SIGKILL');
    for (const leak of leaks) {
      const [, kind, what = ''] = /^(mount|process): (\S+)/.exec(leak) ?? [];
      if (!leak.includes(this.folder)) continue;
      if (kind === 'mount') spawnSync('umount', ['-l', what]);
      if (kind === 'process') spawnSync('kill', ['-9', what]);
    }
    try {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // something is still mounted there; the verdict has named it
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || !this.isRunning) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(timer);
  }

  async #answers(): Promise<boolean> {
    try {
      return (await this.#client.call('GET', '/_ping')).status === 200;
    } catch {
      return false;
    }
  }

  #arguments(): string[] {
    const words = ['--root', this.root, '--run-dir', this.runDir, '--host', `unix://${this.socketPath}`];
    words.push('--log-format', 'json', '--log-level', 'debug');
    if (this.#options.config) {
      const path = `${this.folder}/config.json`;
      writeFileSync(path, JSON.stringify(this.#options.config));
      words.push('--config', path);
    }
    return words;
  }

  /** What makes a Docker client talk to this engine, with an empty configuration of its own. */
  get clientEnv(): Readonly<Record<string, string>> {
    return { DOCKER_HOST: `unix://${this.socketPath}`, DOCKER_CONFIG: `${this.folder}/docker-config` };
  }

  #logTail(): string {
    return `── end of its log\n${this.log.split('\n').slice(-30).join('\n')}`;
  }
}

/** Path of the Docker command line, if this machine has one. */
export function dockerProgram(): string | undefined {
  const given = process.env['QUAI_TEST_DOCKER'];
  if (given) return given;
  return (process.env['PATH'] ?? '')
    .split(':')
    .map(folder => `${folder}/docker`)
    .find(path => existsSync(path));
}

function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 20));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // a file, or gone
  }
}
