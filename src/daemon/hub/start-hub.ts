import type { Logger } from '#base/logger';
import type { HubConfig } from './hub-config.ts';

export interface RunningHub {
  readonly publicUrl: string;
  reload(): void;
  close(): Promise<void>;
}
export function startHub(_config: HubConfig, _logger: Logger): Promise<RunningHub> {
  throw new Error('x');
}
