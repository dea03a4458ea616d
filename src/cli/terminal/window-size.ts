import { sleep } from '#base/abortable';
import type { OutputStream } from '../context.ts';

export interface WindowSize {
  readonly h: number;
  readonly w: number;
}

export function windowSize({ rows, columns }: OutputStream): WindowSize | undefined {
  return rows && columns ? { h: rows, w: columns } : undefined;
}

const FIRST_TRIES = 10;

/**
 * Keeps a container's terminal as large as ours: now, and whenever ours changes. The first call is repeated, as the
 * process may not be there yet.
 *
 * @returns a handle that ends it.
 */
export function followWindowSize(
  stdout: OutputStream,
  resize: (size: WindowSize) => Promise<unknown>,
): Disposable {
  const send = async (): Promise<void> => {
    const size = windowSize(stdout);
    if (size) await resize(size);
  };
  const onResize = (): void => {
    send().catch(() => undefined); // the program may just have ended; nothing hangs on it
  };
  void sendAtStart(send);
  stdout.on('resize', onResize);
  return { [Symbol.dispose]: () => void stdout.off('resize', onResize) };
}

async function sendAtStart(send: () => Promise<void>): Promise<void> {
  for (let attempt = 1; attempt <= FIRST_TRIES; attempt++) {
    try {
      await send();
      return;
    } catch {
      await sleep(attempt * 10);
    }
  }
}
