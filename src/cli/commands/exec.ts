import { ConnectionError, LostConnectionError } from '#client/api-error';
import type { Json } from '#client/json';
import { flagAt, numberAt, textAt } from '#client/json';
import { CliError, endingWithOne } from '../cli-error.ts';
import { command, type Invocation } from '../command.ts';
import type { CliContext } from '../context.ts';
import { readEnv } from '../run/env-files.ts';
import { localFiles } from '../run/local-files.ts';
import { readDetachKeys } from '../run/run-container.ts';
import { runSession } from '../terminal/session.ts';
import { followWindowSize, windowSize } from '../terminal/window-size.ts';

const flags = {
  detach: { type: 'bool', short: 'd', help: 'Detached mode: run command in the background' },
  'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
  env: { type: 'list', short: 'e', help: 'Set environment variables' },
  'env-file': { type: 'list', help: 'Read in a file of environment variables' },
  interactive: { type: 'bool', short: 'i', help: 'Keep STDIN open even if not attached' },
  privileged: { type: 'bool', help: 'Give extended privileges to the command' },
  tty: { type: 'bool', short: 't', help: 'Allocate a pseudo-TTY' },
  user: { type: 'string', short: 'u', help: 'Username or UID (format: "<name|uid>[:<group|gid>]")' },
  workdir: { type: 'string', short: 'w', help: 'Working directory inside the container' },
} as const;

type ExecFlags = Invocation<typeof flags>['flags'];

export const exec = command({
  usage: 'exec [OPTIONS] CONTAINER COMMAND [ARG...]',
  summary: 'Execute a command in a running container',
  flags,
  args: { min: 2 },
  stopsAtArgument: true,
  async run(context, { flags: options, args: [container = '', ...words] }) {
    const isAttached = !options.detach;
    const detachKeys = readDetachKeys(options['detach-keys']);
    if (isAttached && options.interactive && options.tty && !context.stdin.isTTY) {
      throw new CliError('the input device is not a TTY');
    }
    const body = execBody(context, options, words);
    const created = await context.client.call('POST', `/containers/${encodeURIComponent(container)}/exec`, {
      body,
    });
    const id = textAt(created, 'Id');
    if (!id) throw new CliError('exec ID empty');
    if (!isAttached) {
      await context.client.call('POST', `/exec/${id}/start`, { body: { Detach: true, Tty: options.tty } });
      return 0;
    }
    return runAttached(context, { container, id }, options, detachKeys);
  },
});

async function runAttached(
  context: CliContext,
  { container, id }: { readonly container: string; readonly id: string },
  options: ExecFlags,
  detachKeys: Uint8Array,
): Promise<number> {
  const { client, stdout } = context;
  const body = { Detach: false, Tty: options.tty, ...consoleSize(context, options.tty) };
  const connection = await client.hijack(`/exec/${id}/start`, { body });
  using _size =
    options.tty && stdout.isTTY
      ? followWindowSize(stdout, size => client.call('POST', `/exec/${id}/resize`, { query: { ...size } }))
      : undefined;
  const session = { tty: options.tty, stdin: options.interactive, detachKeys };
  const end = await runSession(connection, context, session);
  if (end === 'detached') return 0;
  try {
    return exitStatus(await client.call('GET', `/exec/${id}/json`));
  } catch (cause) {
    if (!(cause instanceof ConnectionError || cause instanceof LostConnectionError)) throw cause;
    throw new CliError(lostText(container), 125, { cause });
  }
}

function lostText(container: string): string {
  return [
    `lost the connection to the engine while the command ran in container ${container}; it runs on without a client`,
    `See after it when the engine is back:  quai top ${container}`,
  ].join('\n');
}

function exitStatus(exec: Json): number {
  // Output may have ended before the process did, as when it closes its stdout.
  return flagAt(exec, 'Running') ? 0 : numberAt(exec, 'ExitCode');
}

function execBody(context: CliContext, options: ExecFlags, words: readonly string[]): object {
  const isAttached = !options.detach;
  return {
    User: options.user,
    Privileged: options.privileged,
    Tty: options.tty,
    ...consoleSize(context, isAttached && options.tty),
    AttachStdin: isAttached && options.interactive,
    AttachStdout: isAttached,
    AttachStderr: isAttached,
    DetachKeys: options['detach-keys'],
    Env: endingWithOne(() => readEnv(options['env-file'], options.env, localFiles(context.env))),
    WorkingDir: options.workdir,
    Cmd: words,
  };
}

function consoleSize({ stdout }: CliContext, tty: boolean): { ConsoleSize?: [number, number] } {
  const size = tty ? windowSize(stdout) : undefined;
  return size ? { ConsoleSize: [size.h, size.w] } : {};
}
