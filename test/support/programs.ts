import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface ProgramResult {
  /** exit status; 128+n when signal n ended it is not mapped: then -1 */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** its working directory; ours unless told otherwise */
  readonly cwd?: string;
  /** then the program is killed and the result says so; 60 s unless told otherwise */
  readonly timeoutMs?: number;
}

/** Variables that give a client a home folder of the test's own: it finds nobody's credentials, and keeps none in root's. */
export function ownHome(folder: string): Readonly<Record<string, string>> {
  return {
    HOME: folder,
    DOCKER_CONFIG: '',
    XDG_CONFIG_HOME: '',
    XDG_DATA_HOME: '',
    DBUS_SESSION_BUS_ADDRESS: '',
  };
}

/** Runs a program to its end; a non-zero status is a result, not an error. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input, env, cwd, timeoutMs = 60_000 }: ProgramOptions = {},
): Promise<ProgramResult> {
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  child.stdin.on('error', () => undefined); // the program may end without reading
  child.stdin.end(input);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const note = signal ? `\n(${program} ${args.join(' ')} was ended by ${String(signal)})` : '';
  return { code: typeof code === 'number' ? code : -1, stdout, stderr: `${stderr}${note}` };
}
