import type { Duplex } from 'node:stream';
import type { Abortable } from '#base/abortable';
import type { OciSpec } from '#spec/oci/runtime-spec';

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
  readonly paths: BundlePaths;
  readonly process: OciSpec['process'];
  readonly runtime: string;
  readonly hasTerminal: boolean;
  readonly hasStdin: boolean;
}

/** What conmon left behind when the process ended. */
export interface ProcessExit {
  readonly id: string;
  /** 0-255; 128+n when signal n ended it */
  readonly code: number;
  readonly exitedAt: number;
  readonly isOomKilled: boolean;
}

/** One packet of output: conmon tells the streams apart itself. With a terminal everything is `stdout`. */
export interface OutputPacket {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/**
 * The attached standard streams of a process. Reading yields output packets (object mode) until the process
 * has closed its output; writing goes to its stdin; `end()` closes the stdin where that was asked for.
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
  /** Writes config.json, starts conmon and `create`. @returns pids. @throws with the runtime's message; nothing is left. */
  create(options: CreateOptions): Promise<{ readonly pid: number; readonly supervisorPid: number }>;

  /** Lets a created container run its command. @throws `invalid` when the command cannot be executed. */
  start(id: string, runtime: string, options?: Abortable): Promise<void>;

  /** Sends a signal to the container's process (by pidfd; happy when it is gone). */
  kill(id: string, signal: number): void;

  /** Freezes or thaws all processes. */
  pause(id: string): void;
  resume(id: string): void;

  /** Removes what is left of an ended, or never started, container: cgroup, runtime state, bundle. Idempotent. */
  delete(id: string, runtime: string): Promise<void>;

  /** Connects to the standard streams of a created or running process. */
  attach(paths: BundlePaths, socketName?: string): AttachedStreams;

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
}
