import type { Duplex } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError, isKind } from '#base/errors';
import type { AttachedStreams } from '#runtime/process-runtime';
import type { Container, LogRequest } from './container.ts';
import { checkAttach } from './container-machine.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { parseDetachKeys } from './detach-keys.ts';
import { runStreamSession } from './stream-session.ts';

/** A stream of bytes for a client: raw when there is a terminal, otherwise in Docker's multiplexed frames. */
export interface ClientStream {
  readonly isRaw: boolean;
}

/** What a client's connection is used for once its request has been answered. */
export interface ClientSession extends ClientStream {
  /** Resolves when the session is over, however it ended. */
  run(connection: Duplex | undefined, options?: Abortable): Promise<void>;
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

type ReadLogs = (container: Container, request: LogRequest, options: Abortable) => AsyncIterable<Buffer>;

/**
 * Connects a client to the standard streams of a container, running or about to be started. The place is taken
 * at once: a start that comes before the session runs waits for nobody and loses nothing.
 *
 * @throws {EngineError} `conflict` when the container is paused or restarting, `invalid` for bad detach keys.
 */
export function attachToContainer(
  context: ContainerContext,
  container: Container,
  request: AttachRequest,
  readLogs: ReadLogs,
): ClientSession {
  const { id, config } = container;
  const detachKeys = parseDetachKeys(request.detachKeys);
  checkAttach(container);
  const left = new AbortController();
  const hasInput = request.stdin && config.OpenStdin;
  const streams = request.stream ? connectStreams(context, container, hasInput, left.signal) : undefined;
  streams?.catch(() => undefined); // looked at when the session runs, which a failed answer may prevent
  return {
    isRaw: config.Tty,
    run: async (connection, { signal } = {}) => {
      if (!connection) return;
      connection.once('close', () => left.abort());
      signal?.addEventListener('abort', () => left.abort(), { once: true });
      emitContainerEvent(context, container, 'attach');
      if (request.logs)
        await writeLogs(connection, readLogs(container, logRequest(request), { signal: left.signal }));
      const connected = await streams?.catch(endOfWait);
      if (!connected) {
        connection.end();
        return;
      }
      const end = await runStreamSession(connected, connection, {
        stdin: hasInput,
        stdout: request.stdout,
        stderr: request.stderr,
        isRaw: config.Tty,
        detachKeys,
        signal: left.signal,
      });
      if (end === 'detached') emitContainerEvent(context, context.index.find(id) ?? container, 'detach');
    },
  };
}

async function connectStreams(
  context: ContainerContext,
  { id, state }: Container,
  hasInput: boolean,
  signal: AbortSignal,
): Promise<AttachedStreams> {
  const attach = (): AttachedStreams => context.runtime.attach(context.paths.bundle(id), { hasInput });
  return state.status === 'running' ? attach() : await context.hub.next(id, attach, { signal });
}

/** The process never came, or the client left before it did: there is nothing to stream. Anything else is a fault. */
function endOfWait(error: unknown): undefined {
  if (error instanceof EngineError && !isKind(error, 'internal')) return undefined;
  throw error;
}

async function writeLogs(connection: Duplex, logs: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of logs) {
    if (connection.destroyed) return;
    if (!connection.write(chunk))
      await new Promise(resolve => connection.once('drain', resolve).once('close', resolve));
  }
}

function logRequest({ stdout, stderr }: AttachRequest): LogRequest {
  return { stdout, stderr, isFollowing: false, hasTimestamps: false, hasDetails: false, sharesFrames: false };
}
