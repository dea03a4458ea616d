import type { Duplex } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { OciSpec } from '#spec/oci/runtime-spec';
import type { LiftedLimits } from './oci-spec/changed-resources.ts';

/** Where one container keeps its run-time files. Everything below `bundle` is recreated at each start. */
export interface BundlePaths {
  /** on a tmpfs: config.json, pid files, attach socket, ctl fifo, rootfs mount point */
  readonly bundle: string;
  /** the log file conmon appends to, in the k8s-file format; survives reboots */
  readonly log: string;
}

export interface CreateOptions extends Abortable {
  readonly id: string;
  readonly paths: BundlePaths;
  readonly spec: OciSpec;
  readonly runtime: string;
  readonly hasTerminal: boolean;
  /** keep stdin open (`-i`) */
  readonly hasStdin: boolean;
  /** close stdin when the first attached client closes it (`StdinOnce`) */
  readonly closesStdin: boolean;
  /** no log is kept (log driver `none`) */
  readonly isLogged: boolean;
}

export interface ExecOptions extends Abortable {
  readonly containerId: string;
  readonly execId: string;
  /** the container's; what the exec needs lies below its bundle */
  readonly paths: BundlePaths;
  readonly process: OciSpec['process'];
  readonly runtime: string;
  readonly hasTerminal: boolean;
  readonly hasStdin: boolean;
  /** connect to its standard streams before it runs; otherwise its output is dropped */
  readonly isAttached: boolean;
}

/** A process that runs beside a container's first one. */
export interface StartedExec {
  readonly pid: number;
  /** for {@link ProcessRuntime.resize} */
  readonly paths: BundlePaths;
  /** there when `isAttached` was asked for */
  readonly streams?: AttachedStreams;
  /** Its exit code (0-255; 128+n when signal n ended it). Never rejects; what it left behind is gone by then. */
  readonly exited: Promise<number>;
}

/**
 * A container or exec that could not start, with Docker's wording: `invalid` when the command or its
 * configuration is at fault, otherwise `internal`.
 */
export class ProcessStartError extends EngineError {
  /** What `docker run` exits with and inspect shows: 127 not found, 126 not executable, 128 anything else. */
  readonly exitCode: 126 | 127 | 128;

  constructor(exitCode: 126 | 127 | 128, message: string, options?: { readonly cause?: unknown }) {
    super(exitCode === 128 ? 'internal' : 'invalid', message, options);
    this.exitCode = exitCode;
  }
}

/** What conmon left behind when the process ended. */
export interface ProcessExit {
  readonly id: string;
  /** 0-255; 128+n when signal n ended it */
  readonly code: number;
  readonly exitedAt: number;
  readonly isOomKilled: boolean;
}

/** Bytes in front of each packet's data that belong to its consumer: room for a frame header. */
export const OUTPUT_HEADROOM = 8;

/**
 * One packet of output: conmon tells the streams apart itself. With a terminal everything is `stdout`.
 *
 * `data` is the consumer's: its memory is not used again. The {@link OUTPUT_HEADROOM} bytes of memory in front
 * of it are the consumer's too, so that a frame header can be put there without copying.
 */
export interface OutputPacket {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

export interface AttachOptions {
  /**
   * Whether this client may type (default true). One that may not never closes the process's stdin, whatever
   * `closesStdin` says, however it leaves.
   */
  readonly hasInput?: boolean;
}

/**
 * The attached standard streams of a process. Reading yields output packets (object mode) until the process
 * has closed its output; a reader that is slow slows the process down, nothing is dropped. Writing goes to its
 * stdin; `end()` closes the stdin where that was asked for. Disposing it disconnects.
 */
export interface AttachedStreams extends Disposable {
  readonly output: AsyncIterable<OutputPacket>;
  readonly input: Duplex;
}

/**
 * Runs OCI bundles: conmon supervises, crun or runc runs. Knows processes, not images.
 *
 *   create → (attach) → start → … exit file … → delete
 *
 * Nothing here is lost when the engine dies: conmon holds the streams, the log and the exit code;
 * `states()` and the exit directory tell a new engine all there is to know.
 */
export interface ProcessRuntime {
  /** A process is about to be started: begins what can be done before anything about it is known. Cheap. */
  expectStart(): void;

  /**
   * Writes config.json, starts conmon and `create`; the process then waits for {@link start}.
   *
   * @throws {ProcessStartError} with the runtime's message; nothing is left.
   */
  create(options: CreateOptions): Promise<{ readonly pid: number; readonly supervisorPid: number }>;

  /** Lets a created container run its command. @throws {EngineError} `conflict` when it does not wait for that. */
  start(id: string, runtime: string, options?: Abortable): Promise<void>;

  /**
   * Runs another process in a running container.
   *
   * @throws {ProcessStartError} when it cannot be executed; nothing is left.
   */
  exec(options: ExecOptions): Promise<StartedExec>;

  /** Sends a signal to the container's process (by pidfd; happy when it is gone). */
  kill(id: string, signal: number): void;

  /** Freezes or thaws all processes. */
  pause(id: string): void;
  resume(id: string): void;
  /** Whether all processes have stopped: a moment after {@link pause}. Also true of one that is gone. */
  isPaused(id: string): boolean;

  /**
   * Gives a running container other limits: `resources` as in its specification, only what changes; and what it shall have without one.
   *
   * @throws {EngineError} `conflict` when it does not run; `internal` with the runtime's words.
   */
  update(id: string, resources: Readonly<Record<string, unknown>>, lifted: LiftedLimits): Promise<void>;

  /** Removes what is left of an ended, or never started, container: cgroup, runtime state, bundle. Idempotent. */
  delete(id: string, runtime: string): Promise<void>;

  /**
   * Connects to the standard streams of a created or running container.
   *
   * @throws {EngineError} `conflict` when nobody serves them any more.
   */
  attach(paths: BundlePaths, options?: AttachOptions): AttachedStreams;

  /** Sets the terminal size. */
  resize(paths: BundlePaths, size: { readonly rows: number; readonly columns: number }): void;

  /** Makes conmon reopen its log file, after it was renamed. */
  reopenLog(paths: BundlePaths): void;

  /** Calls back once for each exit file that appears, and for those found at the time of the call. */
  watchExits(onExit: (exit: ProcessExit) => void): Disposable;

  /** Forgets an exit file once its content is in the database. */
  forgetExit(id: string): void;

  /** Whether the container's process is there: `created` (waits for start), `running`, or `gone`. */
  state(id: string): { readonly status: 'created' | 'running' | 'gone'; readonly pid?: number };

  /** IDs of all containers of which something is there, whoever made them: what no row owns is to be deleted. */
  list(): string[];
}
