import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { isErrno } from '#sys/sys-error';

/** How a runtime's created process waits to be started; `program` for one that only its own `start` knows. */
export type StartGate = 'crun' | 'runc' | 'program';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const START_TIMEOUT_MS = 10_000;

/** Both runtimes keep a fifo of this name in the container's state for as long as its process waits. */
export function gatePath(stateDir: string): string {
  return join(stateDir, 'exec.fifo');
}

/**
 * Does what `crun start` does (libcrun/status.c, `libcrun_status_write_exec_fifo`): the process reads one byte.
 *
 * @returns false when nobody waits.
 */
export function openCrunGate(stateDir: string): boolean {
  const path = gatePath(stateDir);
  let fd: number;
  try {
    // ENXIO where nobody has it open for reading: opening never waits.
    fd = openSync(path, O_WRONLY | O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENXIO')) return false;
    throw error;
  }
  try {
    unlinkSync(path);
    writeSync(fd, Buffer.of(0));
    return true;
  } finally {
    closeSync(fd);
  }
}

/**
 * Does what `runc start` does (libcontainer/container_linux.go, `handleFifoResult`): the process writes one byte
 * and waits until someone has opened the other end.
 *
 * @returns false when nobody waits.
 */
export async function openRuncGate(stateDir: string): Promise<boolean> {
  const path = gatePath(stateDir);
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
  const socket = new Socket({ fd, readable: true, writable: false });
  const deadline = setTimeout(
    () => socket.destroy(new EngineError('deadline', 'the container did not start in time')),
    START_TIMEOUT_MS,
  );
  try {
    for await (const _byte of socket) {
      unlinkSync(path);
      return true;
    }
    return false;
  } finally {
    clearTimeout(deadline);
  }
}
