import type { ApiMinor } from './api-version.ts';

export const RAW_STREAM = 'application/vnd.docker.raw-stream';
const MULTIPLEXED_STREAM = 'application/vnd.docker.multiplexed-stream';

/** How a stream of output is announced: framed ones have a type of their own since 1.42. */
export function streamType(isRaw: boolean, version: ApiMinor): string {
  return isRaw || version < 42 ? RAW_STREAM : MULTIPLEXED_STREAM;
}
