import { notImplemented } from '#base/errors';
import type { Logger } from '#base/logger';
import type { HubConfig } from './hub-config.ts';

/** A hub that serves. */
export interface RunningHub {
  readonly publicUrl: string;
  /** Reads the certificate again. One that is wrong is told in the log, and the one before it stays. */
  reload(): void;
  /** Stops serving; what clients were in the middle of, they begin again with the next start. */
  close(): Promise<void>;
}

export function startHub(_config: HubConfig, _logger: Logger): Promise<RunningHub> {
  return Promise.reject(notImplemented('quai hub serve'));
}
