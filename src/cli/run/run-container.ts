import { messageOf } from '#base/errors';
import type { Hijacked } from '#client/transport';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { parseDetachKeys } from '../terminal/detach-keys.ts';
import { proxySignals } from '../terminal/signal-proxy.ts';
import { followWindowSize, windowSize } from '../terminal/window-size.ts';
import type { CreateBody } from './create-body.ts';
import { createContainer } from './create-container.ts';
import type { CreateOptions } from './create-flags.ts';
import { waitForExit } from './exit-waiter.ts';

type RunFlags = CreateOptions & {
  readonly detach: boolean;
  readonly 'detach-keys': string;
  readonly 'sig-proxy': boolean;
};

/**
 * Creates a container and runs it: in the background, or joined to this terminal until it ends.
 *
 * The connection for its streams and the question for its exit status are open before it starts, so that neither a first
 * line nor a quick end is missed.
 *
 * @returns the status it ended with; 0 when it was detached.
 */
export async function runContainer(context: CliContext, flags: RunFlags, body: CreateBody): Promise<number> {
  const detachKeys = readDetachKeys(flags['detach-keys']);
  const plan = flags.detach ? detachedPlan(body, flags) : attachedPlan(body, context);
  const { client } = context;
  const isAttached = plan.AttachStdin || plan.AttachStdout || plan.AttachStderr;
  const [id, terminal] = await Promise.all([
    createContainer(context, plan, flags),
    isAttached ? import('../terminal/session.ts') : undefined, // loaded while the engine is busy
  ]);
  const showsOutput = plan.AttachStdout || plan.AttachStderr;
  using _signals = flags['sig-proxy'] && isAttached ? proxySignals(client, id, giveUp(context)) : undefined;
  if (!showsOutput) context.print(id);
  const [connection, exit] = await Promise.all([
    isAttached ? attach(context, id, plan, flags) : undefined,
    showsOutput ? waitForExit(client, id, flags.rm ? 'removed' : 'next-exit') : undefined,
  ]);
  const session =
    connection &&
    terminal?.runSession(connection, context, {
      tty: plan.Tty === true,
      stdin: plan.AttachStdin === true,
      detachKeys,
    });
  session?.catch(() => undefined); // awaited below, and may fail before that
  try {
    await client.call('POST', `/containers/${id}/start`);
  } catch (error) {
    // Nothing is left behind: the session gives the terminal back, and with --rm the removal is awaited.
    connection?.close();
    await Promise.allSettled([session, flags.rm ? exit?.status : undefined]);
    throw error;
  }
  using _size =
    plan.Tty && isAttached && context.stdout.isTTY
      ? followWindowSize(context.stdout, size =>
          client.call('POST', `/containers/${id}/resize`, { query: { ...size } }),
        )
      : undefined;
  const end = await session;
  if (end === 'detached' || !exit) return 0;
  return exit.status;
}

function attachedPlan(body: CreateBody, { stdin, stdout }: CliContext): CreateBody {
  if (body.Tty && body.AttachStdin && !stdin.isTTY) throw new CliError('the input device is not a TTY');
  const size = body.Tty ? windowSize(stdout) : undefined;
  return size ? { ...body, HostConfig: { ...body.HostConfig, ConsoleSize: [size.h, size.w] } } : body;
}

function detachedPlan(body: CreateBody, flags: RunFlags): CreateBody {
  if (flags.attach.length > 0) {
    throw new CliError('conflicting options: cannot specify both --attach and --detach');
  }
  const { StdinOnce: _, ...rest } = body;
  return { ...rest, AttachStdin: false, AttachStdout: false, AttachStderr: false };
}

async function attach(
  { client }: CliContext,
  id: string,
  plan: CreateBody,
  flags: RunFlags,
): Promise<Hijacked> {
  return client.hijack(`/containers/${id}/attach`, {
    query: {
      stream: true,
      stdin: plan.AttachStdin || undefined,
      stdout: plan.AttachStdout || undefined,
      stderr: plan.AttachStderr || undefined,
      detachKeys: flags['detach-keys'] || undefined,
    },
  });
}

export function readDetachKeys(text: string): Uint8Array {
  try {
    return parseDetachKeys(text);
  } catch (error) {
    throw new CliError(`invalid detach keys (${text}): ${messageOf(error)}`, 125);
  }
}

export function giveUp({ warn }: Pick<CliContext, 'warn'>): () => void {
  return () => {
    warn('\ngot 3 SIGTERM/SIGINTs, forcefully exiting');
    process.exit(1);
  };
}
