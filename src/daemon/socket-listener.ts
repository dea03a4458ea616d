import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { codeOf, EngineError, messageOf } from '#base/errors';

const SOCKET_MODE = 0o660;

/**
 * Listens on a Unix socket that root and a group may use. A socket file left by an engine that died is replaced;
 * one that answers is not.
 *
 * @throws {EngineError} as {@link refuseUsedSocket}, and `internal` when the path cannot be used.
 */
export async function listenOnUnixSocket(server: Server, path: string, group: string): Promise<void> {
  await refuseUsedSocket(path);
  removeSocketFile(path);
  const umask = process.umask(0o177); // nobody but root gets in before the mode is set
  try {
    await listen(server, path);
  } finally {
    process.umask(umask);
  }
  const gid = groupId(group);
  if (gid !== undefined) chownSync(path, 0, gid);
  chmodSync(path, SOCKET_MODE);
}

/** @throws {EngineError} `conflict` when another engine listens there, or the path is something else than a socket. */
export async function refuseUsedSocket(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket()) {
    throw new EngineError(
      'conflict',
      `${path} is there and is no socket: move it away, or choose another path with --host`,
    );
  }
  if (!(await answers(path))) return;
  throw new EngineError(
    'conflict',
    `another engine already listens on ${path}: stop it, or choose another socket with --host`,
  );
}

function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: Error): void =>
    reject(new EngineError('internal', `cannot listen on ${path}: ${messageOf(error)}`, { cause: error }));
  server.once('error', onError);
  server.listen(path, () => {
    server.off('error', onError);
    resolve();
  });
  return promise;
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  // Only these two mean that nobody listens; an engine that is too busy to accept is one.
  socket
    .once('connect', () => resolve(true))
    .once('error', error => resolve(!['ENOENT', 'ECONNREFUSED'].includes(codeOf(error) ?? '')));
  return promise.finally(() => socket.destroy());
}

export function removeSocketFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function groupId(name: string): number | undefined {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`));
  const gid = line?.split(':')[2];
  return gid === undefined ? undefined : Number(gid);
}
