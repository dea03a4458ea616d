import type { Duplex } from 'node:stream';
import { EngineError, messageOf } from '#base/errors';
import { type ContainerId, type ExecId, newId } from '#base/ids';
import { ProcessStartError, type StartedExec } from '#runtime/process-runtime';
import type { OciProcess } from '#spec/oci/runtime-spec';
import type { ClientSession } from './attacher.ts';
import type { Container, Exec, ExecRequest } from './container.ts';
import { checkExec } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { parseDetachKeys } from './detach-keys.ts';
import { execNotFound } from './errors.ts';
import { checkExecLimits } from './exec-limits.ts';
import { frameHeader } from './stream-frames.ts';
import { runStreamSession } from './stream-session.ts';

/** Ended execs are kept for `inspect` this long, as clients ask for the exit code after the stream has closed. */
const KEEP_ENDED_MS = 5 * 60_000;
const LONGEST_COMMAND_TEXT = 4096;

interface Entry {
  readonly id: ExecId;
  readonly containerId: ContainerId;
  readonly request: ExecRequest;
  isStarted: boolean;
  pid?: number;
  exitCode?: number;
  started?: StartedExec;
  /** asked for before the process was there */
  size?: { readonly rows: number; readonly columns: number };
}

/** Makes the process part of the OCI spec for an exec; throws like a start does (unknown user, …). */
export type ExecProcessBuilder = (container: Container, request: ExecRequest) => OciProcess;

/** Extra processes in running containers. They are not part of the state: an engine that restarts forgets them. */
export class ExecManager {
  readonly #context: ContainerContext;
  readonly #buildProcess: ExecProcessBuilder;
  readonly #entries = new Map<ExecId, Entry>();

  constructor(context: ContainerContext, buildProcess: ExecProcessBuilder) {
    this.#context = context;
    this.#buildProcess = buildProcess;
  }

  /** @throws {EngineError} `conflict` when the container does not run, `invalid` without a command. */
  create(container: Container, request: ExecRequest): ExecId {
    checkExec(container);
    if (request.command.length === 0) throw new EngineError('invalid', 'No exec command specified');
    const [path = '', ...args] = request.command;
    checkExecLimits({ config: { Env: request.env }, path, args }, container.hostConfig);
    parseDetachKeys(request.detachKeys);
    this.#context.runtime.expectStart();
    const id = newId<ExecId>();
    this.#entries.set(id, { id, containerId: container.id, request, isStarted: false });
    emitContainerEvent(this.#context, container, `exec_create: ${commandText(request)}`, { execID: id });
    return id;
  }

  inspect(id: string): Exec {
    const { containerId, request, isStarted, exitCode, pid, ...entry } = this.#get(id);
    const [entrypoint = '', ...args] = request.command;
    return {
      id: entry.id,
      containerId,
      isRunning: isStarted && exitCode === undefined,
      ...(exitCode === undefined ? {} : { exitCode }),
      ...(pid === undefined ? {} : { pid }),
      hasStdin: request.hasStdin,
      hasStdout: request.hasStdout,
      hasStderr: request.hasStderr,
      hasTerminal: request.hasTerminal,
      detachKeys: request.detachKeys,
      entrypoint,
      args,
      user: request.user,
      isPrivileged: request.isPrivileged,
      canRemove: exitCode !== undefined,
    };
  }

  /**
   * Starts an exec once. A client's connection becomes its streams; without one its output is dropped.
   *
   * @throws {EngineError} `conflict` when it was started before, or the container does not run any more.
   */
  start(
    id: string,
    { isDetached, consoleSize }: { readonly isDetached: boolean; readonly consoleSize?: Entry['size'] },
  ): ClientSession {
    const entry = this.#get(id);
    const container = this.#context.index.get(entry.containerId);
    if (entry.exitCode !== undefined) throw new EngineError('conflict', `exec ${id} has already run`);
    if (entry.isStarted) throw new EngineError('conflict', `exec ${id} is already running`);
    checkExec(container);
    entry.isStarted = true;
    if (consoleSize) entry.size = consoleSize;
    return {
      isRaw: entry.request.hasTerminal,
      run: async (connection, { signal } = {}) => {
        const started = await this.#launch(entry, container, !isDetached).catch((error: unknown) => {
          if (!connection) throw error;
          reportOnStream(connection, entry.request.hasTerminal, messageOf(error));
        });
        if (!connection || !started?.streams) return;
        await runStreamSession(started.streams, connection, {
          stdin: entry.request.hasStdin,
          stdout: entry.request.hasStdout,
          stderr: entry.request.hasStderr,
          isRaw: entry.request.hasTerminal,
          detachKeys: parseDetachKeys(entry.request.detachKeys),
          beforeEnd: started.exited, // clients ask for the code as soon as the stream ends
          ...(signal ? { signal } : {}),
        });
      },
    };
  }

  resize(id: string, size: { readonly rows: number; readonly columns: number }): void {
    const entry = this.#get(id);
    entry.size = size;
    if (entry.started && entry.exitCode === undefined)
      this.#context.runtime.resize(entry.started.paths, size);
  }

  /** Execs that run in a container, for its inspect. */
  of(containerId: string): ExecId[] {
    return [...this.#entries.values()]
      .filter(entry => entry.containerId === containerId && entry.isStarted && entry.exitCode === undefined)
      .map(entry => entry.id);
  }

  /** Forgets the execs of a container that was removed. */
  forget(containerId: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.containerId === containerId) this.#entries.delete(entry.id);
    }
  }

  async #launch(entry: Entry, container: Container, isAttached: boolean): Promise<StartedExec> {
    const { request, id } = entry;
    try {
      const started = await this.#context.runtime.exec({
        containerId: container.id,
        execId: id,
        paths: this.#context.paths.bundle(container.id),
        process: this.#buildProcess(container, request),
        runtime: container.hostConfig.Runtime || this.#context.defaults.runtime,
        hasTerminal: request.hasTerminal,
        hasStdin: request.hasStdin,
        isAttached,
      });
      entry.pid = started.pid;
      entry.started = started;
      if (entry.size && request.hasTerminal) this.#context.runtime.resize(started.paths, entry.size);
      emitContainerEvent(this.#context, container, `exec_start: ${commandText(request)}`, { execID: id });
      void started.exited.then(code => this.#ended(entry, container, code));
      return started;
    } catch (error) {
      this.#ended(entry, container, error instanceof ProcessStartError ? error.exitCode : 126);
      this.#context.logger.info('exec did not start', {
        container: container.id,
        exec: id,
        error: messageOf(error),
      });
      throw error;
    }
  }

  #ended(entry: Entry, container: Container, code: number): void {
    entry.exitCode = code;
    emitContainerEvent(this.#context, container, 'exec_die', { execID: entry.id, exitCode: String(code) });
    setTimeout(() => this.#entries.delete(entry.id), KEEP_ENDED_MS).unref();
  }

  #get(id: string): Entry {
    const entry = this.#entries.get(id as ExecId); // only a known ID can hit
    if (!entry) throw execNotFound(id);
    return entry;
  }
}

/** As events show it; they are kept, and a command may have megabytes. */
function commandText({ command }: ExecRequest): string {
  const text = command.join(' ');
  return text.length <= LONGEST_COMMAND_TEXT ? text : `${text.slice(0, LONGEST_COMMAND_TEXT)}…`;
}

/** The request was answered before the process was made, so its failure is told on the stream (as Docker does). */
function reportOnStream(connection: Duplex, isRaw: boolean, message: string): void {
  const text = Buffer.from(`${message}\r\n`);
  connection.end(isRaw ? text : Buffer.concat([frameHeader('stdout', text.length), text]));
}
