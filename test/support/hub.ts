import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { accepts, freePort } from './registry.ts';
import { until } from './until.ts';

const LAUNCHER = fileURLToPath(new URL('../../quai', import.meta.url));
/** what hubs of tests have instead of a set-up in a browser */
export const ADMIN = { name: 'boss', password: 'correct-horse-17' } as const;

export interface HubOptions {
  /** PEM files: then it speaks TLS */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** more words for `quai hub serve` */
  readonly flags?: readonly string[];
  /** nobody has an account yet */
  readonly isFresh?: boolean;
}

/** `quai hub serve` on a port of its own, with its data in a temporary folder. Dispose it with `await using`. */
export class TestHub implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'quai-hub-'));
  readonly root = join(this.folder, 'root');
  readonly #options: HubOptions;
  readonly #forgiven: RegExp[] = [];
  #port = 0;
  #child: ChildProcess | undefined;

  private constructor(options: HubOptions) {
    this.#options = options;
    writeFileSync(join(this.folder, 'password'), `${ADMIN.password}\n`, { mode: 0o600 });
  }

  static async start(options: HubOptions = {}): Promise<TestHub> {
    const hub = new TestHub(options);
    for (;;) {
      hub.#port = await freePort();
      const code = await hub.start();
      if (code === undefined) return hub;
      // 75: somebody else was given the port meanwhile.
      if (code !== 75) assert.fail(`the hub ended with ${code}:\n${hub.log}`);
    }
  }

  /** `127.0.0.1:port`, before the name of a repository */
  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.host}`;
  }

  get pid(): number {
    return this.#child?.pid ?? assert.fail('the hub is not running');
  }

  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8');
  }

  /** Starts it on the folder and port it has. @returns its exit status when it ends instead of serving. */
  async start(): Promise<number | undefined> {
    const log = openSync(join(this.folder, 'log'), 'a');
    const { tls, flags = [], isFresh = false } = this.#options;
    const words = [
      '--root',
      this.root,
      '--listen',
      this.host,
      '--log-format',
      'json',
      '--log-level',
      'debug',
    ];
    if (tls) words.push('--tls-cert', tls.certificate, '--tls-key', tls.key, '--public-url', this.url);
    if (!isFresh) words.push('--admin', ADMIN.name, '--admin-password-file', join(this.folder, 'password'));
    const child = spawn(LAUNCHER, ['hub', 'serve', ...words, ...flags], { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    await until('the hub listens', async () => child.exitCode !== null || (await accepts(this.#port)));
    return child.exitCode ?? undefined;
  }

  /** Ends it as a crash would, and waits until it is gone. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it as an administrator would. @returns its exit status. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    await this.#end('SIGTERM');
    return child?.exitCode ?? null;
  }

  /** An error in its log that a test has provoked. */
  forgive(line: RegExp): void {
    this.#forgiven.push(line);
  }

  /** The hub's own API, as the administrator or another account; fails unless it answers well. */
  async api(
    method: string,
    path: string,
    body?: unknown,
    { name, password }: { readonly name: string; readonly password: string } = ADMIN,
  ): Promise<unknown> {
    const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isRunning = this.#child?.exitCode === null && this.#child.signalCode === null;
    const code = isRunning ? await this.stop() : 0;
    const errors = this.log
      .split('\n')
      .filter(line => line.includes('"level":"error"') && !this.#forgiven.some(known => known.test(line)));
    rmSync(this.folder, { recursive: true, force: true });
    assert.deepEqual([code, errors], [0, []], 'the hub stopped in order and met no error of its own');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}
