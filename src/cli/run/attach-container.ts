import type { ApiClient } from '#client/api-client';
import type { CliContext } from '../context.ts';
import { runSession, type SessionOptions } from '../terminal/session.ts';
import { proxySignals } from '../terminal/signal-proxy.ts';
import { followWindowSize, windowSize } from '../terminal/window-size.ts';
import { type ExitWaiter, waitForExit } from './exit-waiter.ts';
import { giveUp } from './run-container.ts';

export interface AttachOptions extends SessionOptions {
  readonly id: string;
  /** As typed, for the engine. */
  readonly detachKeysText: string;
  readonly sigProxy: boolean;
  readonly condition: 'next-exit' | 'removed' | 'not-running';
  /** What happens once the streams are joined: `start` starts the container here. */
  readonly begin: () => Promise<void>;
}

/**
 * Joins this terminal to a container that exists.
 *
 * @returns the status it ended with; 0 when it was detached.
 */
export async function attachContainer(context: CliContext, options: AttachOptions): Promise<number> {
  const { client, stdout } = context;
  const { id, tty } = options;
  using _signals = options.sigProxy && !tty ? proxySignals(client, id, giveUp(context)) : undefined;
  const connection = await client.hijack(`/containers/${id}/attach`, {
    query: {
      stream: true,
      stdin: options.stdin || undefined,
      stdout: true,
      stderr: true,
      detachKeys: options.detachKeysText || undefined,
    },
  });
  const exit = await waitForExit(client, id, options.condition);
  const session = runSession(connection, context, options);
  session.catch(() => undefined); // awaited below, and may fail before that
  try {
    await options.begin();
  } catch (error) {
    connection.close();
    await Promise.allSettled([session]);
    throw error;
  }
  if (tty && options.condition === 'not-running') await redraw(client, id, context);
  using _size =
    tty && stdout.isTTY
      ? followWindowSize(stdout, size =>
          client.call('POST', `/containers/${id}/resize`, { query: { ...size } }),
        )
      : undefined;
  return statusOf(await session, exit);
}

async function statusOf(end: 'ended' | 'detached', exit: ExitWaiter): Promise<number> {
  return end === 'detached' ? 0 : exit.status;
}

/** A program redraws its screen when its window changes: it is made one line larger, and right again after. */
async function redraw(client: ApiClient, id: string, { stdout }: CliContext): Promise<void> {
  const size = stdout.isTTY ? windowSize(stdout) : undefined;
  if (!size) return;
  const resized = client.call('POST', `/containers/${id}/resize`, { query: { h: size.h + 1, w: size.w } });
  await resized.catch(() => undefined); // only cosmetic
}
