import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RegistryFaultPoint } from '#registry/registry-faults';

const PROGRAM = fileURLToPath(new URL('./registry-program.ts', import.meta.url));

/** Our registry as a process of its own, which can be killed. The folder is the caller's. */
export class RegistryProcess implements AsyncDisposable {
  readonly host: string;
  readonly #child: ChildProcess;

  private constructor(host: string, child: ChildProcess) {
    this.host = host;
    this.#child = child;
  }

  /** @param fault where it kills itself */
  static async start(folder: string, fault?: RegistryFaultPoint): Promise<RegistryProcess> {
    const words = ['--disable-warning=ExperimentalWarning', PROGRAM, folder, ...(fault ? [fault] : [])];
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout }))
      return new RegistryProcess(line, child);
    return assert.fail('the registry ended before it listened');
  }

  get pid(): number {
    return this.#child.pid ?? assert.fail('it was started');
  }

  /** `SIGKILL`; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Resolves when it has ended by itself. @returns the signal. */
  async ended(): Promise<string | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.signalCode;
  }

  collect(): void {
    this.#child.kill('SIGUSR2');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }
}
