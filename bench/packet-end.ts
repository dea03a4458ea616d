import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { commandWithin } from './plain-host.ts';

const PROGRAM = new URL('./packet-load.ts', import.meta.url).pathname;

/** One end of a UDP connection: `packet-load.ts` in a name space. */
export class PacketEnd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(netns: string | undefined, words: readonly string[]) {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
    const [program = '', ...args] = commandWithin(netns, ...node, ...words);
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!this.#child.stdout) throw new RangeError('the output is a pipe');
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async next(expected?: string): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done || (expected !== undefined && value !== expected)) throw new Error(`no "${expected}" came`);
    return value;
  }

  /** @returns nanoseconds for one packet */
  async send(): Promise<number> {
    this.#child.stdin?.write('.');
    return Number(await this.next());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
