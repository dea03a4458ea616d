import type { Duplex } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { notImplemented } from '#base/errors';
import type { ContainerId, ExecId } from '#base/ids';
import type { ContainerCreateRequest } from '#spec/docker/container-create';
import type {
  Container,
  ContainerFilter,
  ContainerView,
  Exec,
  ExecRequest,
  LogRequest,
  WaitCondition,
} from './container.ts';

/** A stream of bytes for a client: framed per stream, or raw when there is a terminal. */
export interface ClientStream {
  /** `true`: raw bytes; `false`: Docker's multiplexed frames */
  readonly isRaw: boolean;
}

export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** first what the log already has */
  readonly logs: boolean;
  /** then what comes */
  readonly stream: boolean;
  readonly detachKeys: string;
}

/** Life cycle of containers, and what works inside a running one. References are names, IDs or unique ID prefixes. */
export class ContainerService {
  /** @throws `notFound` (`No such image: x:latest`), `conflict` (name in use), `invalid`. */
  async create(
    _name: string | undefined,
    _request: ContainerCreateRequest,
    _options?: Abortable & { readonly platform?: string },
  ): Promise<{ readonly id: ContainerId; readonly warnings: readonly string[] }> {
    throw notImplemented('container create');
  }

  list(_filter: ContainerFilter): ContainerView[] {
    throw notImplemented('container list');
  }

  /** @throws `notFound` with Docker's wording `No such container: x`. */
  inspect(_reference: string): ContainerView {
    throw notImplemented('container inspect');
  }

  /** Sizes of the writable layer and of the whole root file system, in bytes. */
  async sizes(
    _reference: string,
    _options?: Abortable,
  ): Promise<{ readonly rw: number; readonly rootFs: number }> {
    throw notImplemented('container sizes');
  }

  /** @throws `notModified` when it runs already. */
  async start(_reference: string, _options?: Abortable & { readonly detachKeys?: string }): Promise<void> {
    throw notImplemented('container start');
  }

  /** @throws `notModified` when it does not run. `timeoutSeconds` negative: wait for ever. */
  async stop(
    _reference: string,
    _options?: Abortable & { readonly timeoutSeconds?: number; readonly stopSignal?: string },
  ): Promise<void> {
    throw notImplemented('container stop');
  }

  async restart(
    _reference: string,
    _options?: Abortable & { readonly timeoutSeconds?: number; readonly stopSignal?: string },
  ): Promise<void> {
    throw notImplemented('container restart');
  }

  /** @throws `conflict` when it does not run, `invalid` for an unknown signal. */
  async kill(_reference: string, _options?: Abortable & { readonly signalName?: string }): Promise<void> {
    throw notImplemented('container kill');
  }

  async pause(_reference: string): Promise<void> {
    throw notImplemented('container pause');
  }

  async unpause(_reference: string): Promise<void> {
    throw notImplemented('container unpause');
  }

  async rename(_reference: string, _name: string): Promise<void> {
    throw notImplemented('container rename');
  }

  async remove(
    _reference: string,
    _options: Abortable & { readonly force: boolean; readonly volumes: boolean; readonly link: boolean },
  ): Promise<void> {
    throw notImplemented('container remove');
  }

  /** Resolves when the condition holds. The look-up happens at once, so that a caller can send headers first. */
  wait(
    _reference: string,
    _condition: WaitCondition,
    _options?: Abortable,
  ): Promise<{ readonly exitCode: number; readonly error: string }> {
    return Promise.reject(notImplemented('container wait'));
  }

  async prune(_options: Abortable & { readonly filters: ReadonlyMap<string, readonly string[]> }): Promise<{
    readonly removed: readonly string[];
    readonly freedBytes: number;
  }> {
    throw notImplemented('container prune');
  }

  /** Processes as `ps` shows them. @throws `conflict` when it does not run. */
  async top(
    _reference: string,
    _psArguments: string,
    _options?: Abortable,
  ): Promise<{ readonly titles: readonly string[]; readonly processes: readonly (readonly string[])[] }> {
    throw notImplemented('container top');
  }

  async resize(
    _reference: string,
    _size: { readonly rows: number; readonly columns: number },
  ): Promise<void> {
    throw notImplemented('container resize');
  }

  /**
   * Connects a client to the standard streams. Resolves to a function that runs the session on the connection
   * once the caller has answered the request (101 or 200), and resolves when it is over.
   */
  async attach(
    _reference: string,
    _request: AttachRequest,
  ): Promise<ClientStream & { run(connection: Duplex, options?: Abortable): Promise<void> }> {
    throw notImplemented('container attach');
  }

  /** Log lines as a byte stream, framed per stream or raw as `isRaw` says. */
  logs(
    _reference: string,
    _request: LogRequest,
    _options?: Abortable,
  ): ClientStream & { readonly bytes: AsyncIterable<Buffer> } {
    throw notImplemented('container logs');
  }

  /** @throws `conflict` when the container does not run or is paused. */
  async createExec(_reference: string, _request: ExecRequest): Promise<ExecId> {
    throw notImplemented('exec create');
  }

  inspectExec(_id: string): Exec {
    throw notImplemented('exec inspect');
  }

  /** As {@link attach}: `run` starts the process with the connection as its streams. Without a connection: detached. */
  async startExec(
    _id: string,
    _options: Abortable & {
      readonly isDetached: boolean;
      readonly hasTerminal: boolean;
      readonly consoleSize?: { readonly rows: number; readonly columns: number };
    },
  ): Promise<ClientStream & { run(connection: Duplex | undefined, options?: Abortable): Promise<void> }> {
    throw notImplemented('exec start');
  }

  async resizeExec(_id: string, _size: { readonly rows: number; readonly columns: number }): Promise<void> {
    throw notImplemented('exec resize');
  }

  /** Counts by status, for `info`. */
  counts(): { readonly running: number; readonly paused: number; readonly stopped: number } {
    const all: readonly Container[] = [];
    return { running: all.length, paused: 0, stopped: 0 };
  }
}
