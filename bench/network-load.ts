import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CONNECTIONS = 32;

export interface LoadOptions {
  readonly seconds: number;
  /** what runs the program, such as `nsenter` and its arguments; nothing unless given */
  readonly prefix?: readonly string[];
}

/** @returns Gbit/s that the server received over one connection */
export async function iperf(
  address: string,
  port: number,
  { seconds, prefix = [] }: LoadOptions,
): Promise<number> {
  const args = ['iperf3', '-c', address, '-p', String(port), '-t', String(seconds), '-J'];
  const { end }: { end: { sum_received: { bits_per_second: number } } } = JSON.parse(
    await output([...prefix, ...args]),
  );
  return end.sum_received.bits_per_second / 1e9;
}

/**
 * @param headers such as `Connection: close`
 * @returns answers per second
 * @throws when an answer was wrong or missing: a fast engine that loses requests is no use
 */
export async function wrk(
  address: string,
  port: number,
  { seconds, prefix = [], headers = [] }: LoadOptions & { readonly headers?: readonly string[] },
): Promise<number> {
  const url = `http://${address}:${port}/index.html`;
  const options = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...headers.flatMap(header => ['-H', header])];
  const said = await output([...prefix, 'wrk', ...options, url]);
  const problem = /Non-2xx.*|Socket errors: connect [1-9].*/.exec(said)?.[0];
  if (problem !== undefined) throw new Error(`wrk: ${problem}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]);
}

async function output([program = '', ...args]: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args, { maxBuffer: 1 << 24 });
  return stdout;
}
