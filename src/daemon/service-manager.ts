import { fstatSync } from 'node:fs';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { runTool } from '#sys/run-tool';
import { type ServiceNotice, sendNotice } from '#sys/service-notice';

const STDERR = 2;
const ASK_MS = 3_000;
const MICROS_PER_MS = 1000;

/** The service manager that started the engine, such as systemd; deaf where there is none. */
export interface ServiceManager {
  /** What `systemctl status` shows. */
  status(text: string): void;
  /** The socket answers: whoever waits for the engine's start need wait no longer. */
  ready(text: string): void;
  stopping(text: string): void;
  /** The end will take so long: it is not to be cut short. */
  extendStop(limitMs: number): void;
  /** Whether the whole machine goes down, and the service with it. */
  isMachineGoingDown(): Promise<boolean>;
}

/** @param socketPath what it named in `NOTIFY_SOCKET`; see sd_notify(3) */
export function serviceManager(socketPath: string | undefined, logger: Logger): ServiceManager {
  const tell = (notice: ServiceNotice): void => {
    if (!socketPath) return;
    try {
      sendNotice(socketPath, notice);
    } catch (error) {
      // It is for the administrator's eyes; without READY the manager says itself that it waited in vain.
      logger.warn('cannot tell the service manager how things stand', { error: messageOf(error) });
    }
  };
  return {
    status: text => tell({ STATUS: text }),
    ready: text => tell({ READY: '1', STATUS: text }),
    stopping: text => tell({ STOPPING: '1', STATUS: text }),
    extendStop: limitMs => tell({ EXTEND_TIMEOUT_USEC: String(limitMs * MICROS_PER_MS) }),
    isMachineGoingDown: async () => {
      if (!socketPath) return false;
      const { output } = await runTool('systemctl', ['is-system-running'], { timeoutMs: ASK_MS });
      return output.trim() === 'stopping';
    },
  };
}

/** @param stream `JOURNAL_STREAM`: device and inode of what goes to the journal; see systemd.exec(5) */
export function isJournal(stream: string | undefined): boolean {
  if (!stream) return false;
  const { dev, ino } = fstatSync(STDERR);
  return stream === `${dev}:${ino}`;
}
