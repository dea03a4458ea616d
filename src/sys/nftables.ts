import { spawnSync } from 'node:child_process';
import { close, readdirSync, readlinkSync } from 'node:fs';
import koffi from 'koffi';
import { declare } from './libc.ts';

/** Runs nftables commands (nft(8)) as one transaction each: all of it takes effect, or nothing. */
export interface Nftables extends Disposable {
  /** @throws {NftError} with nft's own words. */
  run(commands: string): void;
  /** Output of a listing command, for people and tests only: its format changes between releases. */
  list(commands: string): string;
}

/** A transaction that nftables refused. `reason` is what nft said, at most 2,000 characters. */
export class NftError extends Error {
  override readonly name = 'NftError';
  readonly reason: string;

  constructor(reason: string) {
    const short = reason.trim().slice(0, 2_000);
    super(`nftables refused a change: ${short}`);
    this.reason = short;
  }
}

const NFT_LIBRARY = 'libnftables.so.1';
const NFT_PROGRAM_PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';
const TIMEOUT_MS = 30_000;
/** A context keeps what it has read of every table of the machine, a megabyte for each; a new one takes a millisecond. */
const IDLE_MS = 2_000;
const SIG_SETMASK = 2;
/** `sigset_t` of glibc and musl */
const SIGSET_BYTES = 128;
const ALL_SIGNALS = Buffer.alloc(SIGSET_BYTES, 0xff);

const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;

const fcntl = declare('int fcntl(int fd, int command, int argument)');
const sigmask = declare('int pthread_sigmask(int how, const void *set, void *before)');

/**
 * libnftables in this process where it can be loaded (0.1 ms per transaction), else the `nft` program (4 ms).
 * Its socket belongs to the network name space of the thread that calls this.
 */
export function openNftables(): Nftables {
  return openNftLibrary() ?? openNftProgram();
}

/**
 * @param idleMs the context is given back after this time without a call
 * @returns undefined where the library cannot be loaded.
 */
export function openNftLibrary({
  idleMs = IDLE_MS,
}: {
  readonly idleMs?: number;
} = {}): Nftables | undefined {
  const library = load();
  if (!library) return undefined;
  const contextNew = library.func('void *nft_ctx_new(uint32_t flags)');
  const contextFree = library.func('void nft_ctx_free(void *ctx)');
  const bufferOutput = library.func('int nft_ctx_buffer_output(void *ctx)');
  const bufferError = library.func('int nft_ctx_buffer_error(void *ctx)');
  const output = library.func('const char *nft_ctx_get_output_buffer(void *ctx)');
  const error = library.func('const char *nft_ctx_get_error_buffer(void *ctx)');
  const run = library.func('int nft_run_cmd_from_buffer(void *ctx, const char *commands)');
  // koffi hands pointers out as opaque values; this one only goes back to the library.
  let context: unknown;
  let sockets: readonly number[] = [];
  let idle: NodeJS.Timeout | undefined;
  let isClosed = false;
  const take = (): unknown => {
    idle ??= setTimeout(giveBack, idleMs).unref();
    idle.refresh();
    if (context) return context;
    const opened = sealed(() => contextNew(0));
    context = opened.result;
    sockets = opened.fds;
    // Without the buffers the library would print to our own output.
    bufferOutput(context);
    bufferError(context);
    return context;
  };
  const free = (): void => {
    if (context) contextFree(context);
    context = undefined;
  };
  const giveBack = (): void => {
    // The library is not made for threads, and the kernel takes 20 ms to close the socket: so only that is left to another thread.
    const kept = sockets.map(fd => fcntl(fd, F_DUPFD_CLOEXEC, 0)).filter(fd => fd !== -1);
    free();
    for (const fd of kept) close(fd, () => undefined);
  };
  const execute = (commands: string): string => {
    if (isClosed) throw new RangeError('nftables context is closed');
    const taken = take();
    // The library waits with select(), which a signal ends early: it then calls a change failed that was made.
    const status = withoutSignals(() => Number(run(taken, commands)));
    // Both are read, which empties them for the next run.
    const said = String(output(taken) ?? '');
    const complaint = String(error(taken) ?? '');
    if (status !== 0) throw new NftError(complaint || said || `status ${status}`);
    return said;
  };
  return {
    run: commands => void execute(commands),
    list: execute,
    [Symbol.dispose]: () => {
      isClosed = true;
      clearTimeout(idle);
      free();
    },
  };
}

/** The library leaves its socket open to the programs that are started later; whatever `open` opens is closed to them. */
function sealed<T>(open: () => T): { readonly result: T; readonly fds: readonly number[] } {
  const before = openFiles();
  const result = open();
  const fds = [...openFiles()].filter(([fd, target]) => before.get(fd) !== target).map(([fd]) => fd);
  for (const fd of fds) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return { result, fds };
}

/** Descriptors with what they lead to: numbers alone come again, as that of the folder read here does at once. */
function openFiles(): Map<number, string> {
  const files = new Map<number, string>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      files.set(Number(fd), readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      // the folder's own descriptor, closed by now
    }
  }
  return files;
}

/** Holds signals off this thread while `work` runs; other threads and later take them. */
function withoutSignals<T>(work: () => T): T {
  const before = Buffer.alloc(SIGSET_BYTES);
  sigmask(SIG_SETMASK, ALL_SIGNALS, before);
  try {
    return work();
  } finally {
    sigmask(SIG_SETMASK, before, null);
  }
}

function load(): ReturnType<typeof koffi.load> | undefined {
  try {
    return koffi.load(NFT_LIBRARY);
  } catch {
    return undefined;
  }
}

/** The same by the `nft` program. */
export function openNftProgram(): Nftables {
  const execute = (commands: string): string => {
    const result = spawnSync('nft', ['-f', '-'], {
      input: commands,
      encoding: 'utf8',
      env: { PATH: NFT_PROGRAM_PATH, LC_ALL: 'C' },
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    if (result.error) throw new NftError(`cannot run nft: ${result.error.message}`);
    if (result.status !== 0) throw new NftError(result.stderr || `status ${result.status}`);
    return result.stdout;
  };
  return { run: commands => void execute(commands), list: execute, [Symbol.dispose]: () => undefined };
}
