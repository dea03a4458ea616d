import { fstatSync } from 'node:fs';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { type ServiceNotice, sendNotice } from '#sys/service-notice';

const STDERR = 2;

/** The service manager that started the engine, such as systemd; deaf where there is none. */
export interface ServiceManager {
  /** What `systemctl status` shows. */
  status(text: string): void;
  /** The socket answers: whoever waits for the engine's start need wait no longer. */
  ready(text: string): void;
  stopping(text: string): void;
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
  };
}

/** @param stream `JOURNAL_STREAM`: device and inode of what goes to the journal; see systemd.exec(5) */
export function isJournal(stream: string | undefined): boolean {
  if (!stream) return false;
  const { dev, ino } = fstatSync(STDERR);
  return stream === `${dev}:${ino}`;
}
