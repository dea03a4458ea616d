import { PassThrough, Readable } from 'node:stream';
import { type FakeRoutes, FakeTransport } from '#client/fake-transport';
import type { Transport } from '#client/transport';
import type { InputStream } from './context.ts';
import { main } from './main.ts';

export interface Result {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  readonly engine: FakeTransport;
}

export interface Setting {
  readonly apiVersion?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly transport?: Transport;
}

/** Runs a command line against an engine that answers by `routes`. */
export async function quai(
  line: string | readonly string[],
  routes: FakeRoutes = {},
  setting: Setting = {},
): Promise<Result> {
  const engine = new FakeTransport(routes, setting.apiVersion ? { apiVersion: setting.apiVersion } : {});
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stdin: InputStream = Readable.from(setting.input ? [Buffer.from(setting.input)] : []);
  const status = await main(typeof line === 'string' ? line.split(' ') : line, {
    stdin,
    stdout,
    stderr,
    env: { HOME: '/nonexistent', ...setting.env },
    now: () => Date.UTC(2026, 0, 2),
    connect: async () => setting.transport ?? engine,
  });
  return { status, out: await drained(stdout), err: await drained(stderr), engine };
}

async function drained(stream: PassThrough): Promise<string> {
  stream.end();
  return Buffer.concat(await stream.toArray()).toString();
}

/** A piece of multiplexed output; 1 is stdout, 2 stderr. */
export function frame(type: number, text: string): Buffer {
  const header = Buffer.from([type, 0, 0, 0, 0, 0, 0, text.length]);
  return Buffer.concat([header, Buffer.from(text)]);
}

export const ID = 'c'.repeat(64);

/** An engine on which a container runs and ends with `status`. */
export function running(status: number, output: Buffer = Buffer.alloc(0)): FakeRoutes {
  return {
    'POST /containers/create': { status: 201, body: { Id: ID, Warnings: ['no swap limit'] } },
    [`POST /containers/${ID}/attach`]: { body: output },
    [`POST /containers/${ID}/wait`]: { body: { StatusCode: status } },
    [`POST /containers/${ID}/start`]: { status: 204 },
  };
}
