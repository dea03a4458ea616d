import { fstatSync } from 'node:fs';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { runTool } from '#sys/run-tool';
import { type ServiceNotice, sendNotice } from '#sys/service-notice';

const STDERR = 2;
const ASK_MS = 3_000;
const MICROS_PER_MS = 1000;
/** Of the time after which a silent service counts as hung: one that is late once does not. */
const WATCHDOG_SHARE = 0.3;

/** The service manager that started the engine, such as systemd; deaf where there is none. */
export interface ServiceManager {
  /** What `systemctl status` shows. */
  status(text: string): void;
  /** The socket answers: whoever waits for the engine's start need wait no longer. From now on a loop that hangs is noticed. */
  ready(text: string): void;
  stopping(text: string): void;
  /** The end will take so long: it is not to be cut short. */
  extendStop(limitMs: number): void;
  /** Whether the whole machine goes down, and the service with it. */
  isMachineGoingDown(): Promise<boolean>;
}

/** The environment that it gives a service, and nothing that the service starts; see sd_notify(3), sd_watchdog_enabled(3). */
export interface ServiceEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  /** it takes a service for hung that has not said anything for so many microseconds */
  readonly WATCHDOG_USEC?: string | undefined;
}

export function serviceManager(
  { NOTIFY_SOCKET: socketPath, WATCHDOG_USEC: watchdogMicros }: ServiceEnvironment,
  logger: Logger,
): ServiceManager {
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
    ready: text => {
      tell({ READY: '1', STATUS: text });
      const limitMs = Number(watchdogMicros) / MICROS_PER_MS;
      if (limitMs > 0) setInterval(tell, limitMs * WATCHDOG_SHARE, { WATCHDOG: '1' }).unref();
    },
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
