import { ProcessStartError } from './process-runtime.ts';

export interface FailedCommand {
  /** name of the OCI runtime */
  readonly runtime: string;
  readonly operation: 'create' | 'exec';
  /** first argument of the process that should have run */
  readonly executable: string;
}

/**
 * Turns what an OCI runtime said into Docker's wording and exit code. Clients look for phrases in it: the Docker
 * command line for "executable file not found" and "no such file or directory" (127), "permission denied" and
 * "is a directory" (126).
 */
export function startError(output: string, command: FailedCommand): ProcessStartError {
  const said = errorLine(output);
  const text = crunReason(said, command) ?? reasonOf(said, command);
  const message = `${PREFIX[command.operation]}${text}`;
  const exitCode = exitCodeOf(text);
  const hint = exitCode === 127 && text.includes('not a directory') ? MOUNT_HINT : '';
  return new ProcessStartError(exitCode, `${message}: unknown${hint}`, { cause: output });
}

const PREFIX = {
  create: 'failed to create task for container: failed to create shim task: OCI runtime create failed: ',
  exec: 'OCI runtime exec failed: ',
} as const;

/** moby's daemon/start_unix.go */
const MOUNT_HINT =
  ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

/** The same decisions as moby's `setExitCodeFromError`. */
function exitCodeOf(text: string): 126 | 127 | 128 {
  const lower = text.toLowerCase();
  if (lower.includes('executable file not found') || lower.includes('no such file or directory')) return 127;
  if (lower.includes('permission denied') || lower.includes('is a directory')) return 126;
  if (lower.includes('not a directory')) return 127;
  return 128;
}

/** The line that tells the error: runtimes print warnings before it. */
function errorLine(output: string): string {
  const lines = output.split('\n').filter(line => line.trim() !== '');
  const error = lines.findLast(line => line.includes('level=error')) ?? lines.at(-1);
  return error?.trim() ?? '';
}

/** crun's own words for a command that cannot be executed (libcrun/container.c), in runc's. */
function crunReason(said: string, { operation, executable }: FailedCommand): string | undefined {
  const reason = crunExecReason(said, executable);
  if (reason === undefined) return undefined;
  const quoted = JSON.stringify(executable);
  return operation === 'exec'
    ? `exec failed: unable to start container process: exec: ${quoted}: ${reason}`
    : `runc create failed: unable to start container process: error during container init: exec: ${quoted}: ${reason}`;
}

function crunExecReason(said: string, executable: string): string | undefined {
  const isName = !executable.includes('/');
  const hit = CRUN_REASONS.find(({ pattern }) => pattern.test(said));
  // A name that is found but cannot be executed counts as not found, because the search goes on.
  if (hit && isName) return 'executable file not found in $PATH';
  return hit?.reason(executable);
}

/** libcrun/container.c and utils.c; the second wording of each is that of crun 1.15 and later. */
const CRUN_REASONS = [
  {
    pattern: /^executable file `.*` not found( in \$PATH)?(:|$)/,
    reason: (path: string) => `stat ${path}: no such file or directory`,
  },
  {
    pattern: /^(open executable: Permission denied|the path `.*` exists but it is not executable)/,
    reason: () => 'permission denied',
  },
  {
    pattern: /^(open executable: Operation not permitted|the path `.*` is not a regular file)/,
    reason: () => 'is a directory',
  },
] as const;

function reasonOf(said: string, { runtime, operation }: FailedCommand): string {
  if (said === '') return `${runtime} ${operation} failed: it ended without a message`;
  const structured = /\bmsg=("(?:[^"\\]|\\.)*"|\S+)/.exec(said)?.[1];
  if (structured !== undefined) return unquote(structured);
  return `${runtime}: ${said.replace(/: [A-Z][a-z]+ [a-z ]+$/, reason => `: ${lowerFirst(reason.slice(2))}`)}`;
}

function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  // Go's %q, of which JSON knows all but \x, \a, \v and \U.
  return text.slice(1, -1).replace(/\\(["\\])/g, '$1');
}

/** C's strerror begins with a capital where Go's begins with a small letter. */
function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
