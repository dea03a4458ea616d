import { join } from 'node:path';
import { sleep } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { OwnedFd } from '#sys/descriptors';
import { connectSeqpacket } from '#sys/seqpacket';
import { isErrno } from '#sys/sys-error';
import { hasWaitingClients } from '#sys/unix-sockets';

const ATTACH_SOCKET = 'attach';
const ACCEPT_TIMEOUT_MS = 200;

/**
 * Connects to the attach socket in a bundle.
 *
 * @throws {EngineError} `conflict` when no conmon serves it, `unavailable` when it takes no more clients for now.
 */
export function connectAttach(bundle: string): OwnedFd {
  try {
    return connectSeqpacket(join(bundle, ATTACH_SOCKET));
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) {
      throw new EngineError('unavailable', 'too many clients are waiting to attach', { cause: error });
    }
    throw new EngineError('conflict', 'cannot attach: the process is not running', { cause: error });
  }
}

/**
 * Waits until conmon has accepted all clients. It accepts one in each turn of its loop, and reads output in the same
 * turn: of several that wait when a process starts, only the first is sure to get the first output.
 *
 * Gives up after a fifth of a second: any conmon on the host may be one that accepts nobody for long.
 */
export async function clientsAccepted(): Promise<void> {
  const deadline = Date.now() + ACCEPT_TIMEOUT_MS;
  while (hasWaitingClients(ATTACH_SOCKET) && Date.now() < deadline) await sleep(1);
}
