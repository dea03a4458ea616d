import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dockerProgram, type TestDaemon } from '../support/daemon.ts';
import { PATIENCE_MS, until } from '../support/until.ts';

const docker = dockerProgram() ?? 'docker';

/** The Docker command line while it runs: its streams can be written to and waited for. */
export class LiveProgram implements AsyncDisposable {
  stdout = '';
  stderr = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(program: string, words: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn(program, words, { stdio: 'pipe', env: { ...process.env, ...env } });
    this.#child = child;
    this.#closed = once(child, 'close');
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.stderr += chunk;
    });
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Waits for output that matches, and gives the match. */
  async shows(pattern: RegExp, limitMs?: number): Promise<RegExpMatchArray> {
    await until(
      `${pattern} in ${JSON.stringify(this.stdout)}`,
      () => pattern.test(this.stdout),
      limitMs,
    ).catch(() => assert.fail(`${pattern} never shown:\n${this.stdout}\n${this.stderr}`));
    const match = this.stdout.match(pattern);
    assert.ok(match);
    return match;
  }

  /** Its exit status; a program that a signal ended has -1. */
  async ended(limitMs = PATIENCE_MS): Promise<number> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await this.#closed;
    clearTimeout(timer);
    return this.#child.exitCode ?? -1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** `docker …words` on pipes. */
export function liveDocker(daemon: TestDaemon, ...words: string[]): LiveProgram {
  return new LiveProgram(docker, words, daemon.clientEnv);
}

/**
 * `docker …words` on a terminal of 40 rows and 120 columns, by script(1). Its first line of output is the terminal's
 * path. Input is what a user types: `\x03` is Ctrl-C.
 */
export function dockerTerminal(daemon: TestDaemon, ...words: string[]): LiveProgram {
  const quoted = [docker, ...words].map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const command = `tty; stty rows 40 cols 120; exec ${quoted}`;
  return new LiveProgram('script', ['-qefc', command, '/dev/null'], daemon.clientEnv);
}
