import type { Transport } from '#client/transport';
import type { InputStream, OutputStream } from './context.ts';
import type { HostChoice } from './endpoint.ts';
import type { Env } from './env.ts';

/** What the program takes from outside; the default is the process's own. */
export interface Surroundings {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Env;
  readonly now: () => number;
  readonly connect: (host: HostChoice) => Promise<Transport>;
}
