import { Socket } from 'node:net';
import * as v from 'valibot';
import { messageOf } from '#base/errors';
import type { OwnedFd } from '#sys/descriptors';

/** What conmon reports: a pid, or a negative number with the runtime's error messages. */
export interface SyncMessage {
  readonly value: number;
  readonly message: string;
}

/** conmon names the number by API version and mode: `data` since version 1, `pid` or `exit_code` before. */
const SyncLine = v.pipe(
  v.string(),
  v.parseJson(),
  v.union([
    v.object({ data: v.number(), message: v.optional(v.string(), '') }),
    v.object({ pid: v.number(), message: v.optional(v.string(), '') }),
    v.object({ exit_code: v.number(), message: v.optional(v.string(), '') }),
  ]),
);

/** conmon forwards at most 8 KiB of messages, escaped sixfold at worst. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Reads the first line conmon writes to a pipe of its own, and closes the pipe.
 *
 * @returns undefined when conmon ended without a line.
 */
export async function readSyncLine(reader: OwnedFd): Promise<SyncMessage | undefined> {
  const socket = new Socket({ fd: reader.take(), readable: true, writable: false });
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.includes('\n') || text.length > MAX_LINE_BYTES) break;
  }
  return text === '' ? undefined : parseSyncLine(text);
}

/** Never throws: a line that is no message becomes a failure with the line as its message. */
export function parseSyncLine(text: string): SyncMessage {
  const line = text.split('\n', 1)[0] ?? '';
  try {
    const parsed = v.parse(SyncLine, line);
    if ('data' in parsed) return { value: parsed.data, message: parsed.message };
    if ('pid' in parsed) return { value: parsed.pid, message: parsed.message };
    return { value: parsed.exit_code, message: parsed.message };
  } catch (error) {
    return { value: -1, message: `conmon reported ${JSON.stringify(line)}: ${messageOf(error)}` };
  }
}
