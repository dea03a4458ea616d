import type { Readable, Writable } from 'node:stream';
import type { ApiClient } from '#client/api-client';
import type { HostChoice } from './endpoint.ts';
import type { Env } from './env.ts';

export interface InputStream extends Readable {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** What a command gets to work with. Tests give their own streams. */
export interface CliContext {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Env;
  /** The folder of `--config`, `''` when it was not given. */
  readonly configFlag: string;
  readonly host: HostChoice;
  /** The engine that was chosen; nothing is sent before the first call. */
  readonly client: ApiClient;
  /** milliseconds since 1970 */
  readonly now: () => number;
  /** A line on stdout. */
  readonly print: (text: string) => void;
  /** A line on stderr. */
  readonly warn: (text: string) => void;
}
