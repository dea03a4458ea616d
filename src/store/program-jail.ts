import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { throwIfAborted } from '#base/abortable';
import { EngineError } from '#base/errors';
import { newId } from '#base/ids';
import { createPipe } from '#sys/descriptors';
import { runTool, TOOL_ENVIRONMENT } from '#sys/run-tool';
import { type ProcessStatus, spawn } from '#sys/spawn';
import { type JailedProgram, jailSpec, userNamespacesAllowed } from './program-jail-spec.ts';

export interface JailedEnd {
  /** its exit code; 128 and the signal's number when one ended it */
  readonly status: number;
  /** the end of what it said */
  readonly output: string;
}

const NICE = '/usr/bin/nice';
const OUTPUT_CHARACTERS = 2000;
const DELETE_TIMEOUT_MS = 10_000;
const RETRY_MS = 50;
const MAX_TRIES = 100;
/** Whoever writes to the pipe has ended by then. */
const LAST_WORDS_MS = 1000;

/**
 * Runs host programs over untrusted data, each in a jail of its own that crun makes: name spaces (users, processes, mounts, network,
 * IPC), a root with the program, the host's libraries and what it is to read, all read-only, and what it is to write; no capability but to
 * read what it sees, few system calls, bounded memory, file size, processor time and time. Works when nobody else wants to.
 *
 *   <folder>/<id>     the bundle: config.json, and rootfs with the places of mounts
 *   <folder>/state    crun's own
 *
 * What an engine that was killed has left running is ended when the next one makes its object.
 */
export class ProgramJail {
  readonly #crun: string;
  readonly #folder: string;
  readonly #hasUsers: boolean;
  readonly #swept: Promise<void>;

  /**
   * @param deps.folder belongs to this object alone
   * @param deps.hasUsers whether each jail has a name space of users; default: where the host allows it
   */
  constructor({
    crun,
    folder,
    hasUsers = userNamespacesAllowed(),
  }: { readonly crun: string; readonly folder: string; readonly hasUsers?: boolean }) {
    this.#crun = crun;
    this.#hasUsers = hasUsers;
    this.#folder = folder;
    this.#swept = this.#sweep();
    this.#swept.catch(() => undefined); // told by run()
  }

  /** @throws {EngineError} `unavailable` when there can be no jail; `deadline` when it takes longer than it may; `cancelled`. In both cases no process of it is left. */
  async run(program: JailedProgram, { signal }: { readonly signal: AbortSignal }): Promise<JailedEnd> {
    await this.#swept;
    throwIfAborted(signal);
    const id = newId<string>().slice(0, 32);
    const bundle = join(this.#folder, id);
    mkdirSync(join(bundle, 'rootfs'), { recursive: true, mode: 0o700 });
    try {
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(jailSpec(program, this.#hasUsers)), {
        mode: 0o600,
      });
      return await this.#runBundle(id, bundle, program, signal);
    } finally {
      rmSync(bundle, { recursive: true, force: true });
    }
  }

  async #runBundle(
    id: string,
    bundle: string,
    { file, timeoutMs, stdout }: JailedProgram,
    signal: AbortSignal,
  ): Promise<JailedEnd> {
    const { reader, writer } = createPipe();
    const output = new Socket({ fd: reader.take(), readable: true, writable: false });
    const pidFile = join(bundle, 'pid');
    const args = [this.#crun, ...this.#options, 'run', '--bundle', bundle, '--pid-file', pidFile, id];
    try {
      using pipe = writer;
      const fds = new Map([
        [1, stdout ?? pipe.number],
        [2, pipe.number],
      ]);
      const [first, rest] = existsSync(NICE) ? [NICE, ['-n', '19', ...args]] : [args[0] ?? '', args.slice(1)];
      const child = await spawn({ file: first, args: rest, env: TOOL_ENVIRONMENT, fds, hasOwnSession: true });
      const said = tail(output);
      const timeout = AbortSignal.timeout(timeoutMs);
      const status = await this.#untilEnd(id, child, AbortSignal.any([signal, timeout]));
      pipe[Symbol.dispose]();
      throwIfAborted(signal);
      if (timeout.aborted) {
        throw new EngineError('deadline', `${file} was ended: it took longer than ${timeoutMs / 1000} s`);
      }
      const text = await Promise.race([said, delay(LAST_WORDS_MS, '', { ref: false })]);
      if (!existsSync(pidFile))
        throw new EngineError('unavailable', `cannot make a jail for ${file}: ${text}`);
      return { status: status.code ?? 128 + status.signal, output: text };
    } finally {
      output.destroy();
    }
  }

  /** The jail's processes are a name space of their own: all of them end with the first. */
  async #untilEnd(
    id: string,
    child: { readonly exited: Promise<ProcessStatus>; kill(signal: NodeJS.Signals): void },
    stop: AbortSignal,
  ): Promise<ProcessStatus> {
    const aborted = Promise.withResolvers<undefined>();
    const onAbort = (): void => aborted.resolve(undefined);
    stop.addEventListener('abort', onAbort, { once: true });
    if (stop.aborted) onAbort();
    let status = await Promise.race([child.exited, aborted.promise]);
    stop.removeEventListener('abort', onAbort);
    for (let tries = 0; !status; tries += 1) {
      // crun may be about to make what is to be deleted: once more, until it has ended.
      await this.#delete(id);
      if (tries === MAX_TRIES) child.kill('SIGKILL');
      status = await Promise.race([child.exited, delay(RETRY_MS, undefined)]);
    }
    await this.#delete(id); // should crun have been killed
    return status;
  }

  async #sweep(): Promise<void> {
    mkdirSync(join(this.#folder, 'state'), { recursive: true, mode: 0o700 });
    for (const id of readdirSync(join(this.#folder, 'state'))) await this.#delete(id);
    for (const name of readdirSync(this.#folder)) {
      if (name !== 'state') rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  /** Ends it, if it runs, and removes what crun knows of it. Happy to find nothing. */
  async #delete(id: string): Promise<void> {
    if (!existsSync(join(this.#folder, 'state', id))) return;
    await runTool(this.#crun, [...this.#options, 'delete', '--force', id], { timeoutMs: DELETE_TIMEOUT_MS });
  }

  /** Groups of processes would bound the same once more, and are not the same on every host. */
  get #options(): readonly string[] {
    return ['--root', join(this.#folder, 'state'), '--cgroup-manager=disabled'];
  }
}

async function tail(stream: Socket): Promise<string> {
  let text = '';
  try {
    for await (const chunk of stream) {
      text = (text + (chunk as Buffer).toString('utf8')).slice(-OUTPUT_CHARACTERS); // no encoding is set: buffers
    }
  } catch {
    // destroyed: what came until then
  }
  return text.trim();
}
