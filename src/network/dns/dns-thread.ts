import { extname } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { messageOf } from '#base/errors';
import type { Logger } from '#base/logger';
import { endThread, startThread } from '#sys/thread';
import type { DnsOrder, DnsReport, DnsThreadData, NamedNetwork, NamedSandbox } from './dns-orders.ts';

export interface HostStub {
  readonly address: string;
  readonly port: number;
}

export interface DnsThreadDeps {
  readonly logger: Logger;
  /** where programs of the host may ask; absent: nowhere */
  readonly hostStub?: HostStub;
}

/** The main thread's own suffix: `.ts` here, `.js` in a release. */
const ENTRY = new URL(`./dns-worker${extname(import.meta.url)}`, import.meta.url);
/** Names and numbers of all containers take some 1 KB each. */
const MAX_HEAP_MB = 512;
const RESTART_AFTER_MS = 500;
/** A thread that is busy with questions still opens sockets within this time; it does so later otherwise. */
const OPEN_LIMIT_MS = 2_000;
const CLOSE_LIMIT_MS = 2_000;

/**
 * The thread that answers DNS. It starts with the first network that has names (it holds some 15 MB), so that the first
 * container does not wait for it, and again, with all it was told before, should it ever end by a bug.
 */
export class DnsThread implements AsyncDisposable {
  readonly #deps: DnsThreadDeps;
  readonly #networks = new Map<string, NamedNetwork>();
  readonly #sandboxes = new Map<string, NamedSandbox>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  #worker: Worker | undefined;
  #orders = new Int32Array(new SharedArrayBuffer(4));
  #restart: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(deps: DnsThreadDeps) {
    this.#deps = deps;
    if (deps.hostStub) this.#start();
  }

  /** Runs, or will again in a moment. */
  get #isStarted(): boolean {
    return this.#worker !== undefined || this.#restart !== undefined;
  }

  get sandboxes(): ReadonlyMap<string, NamedSandbox> {
    return this.#sandboxes;
  }

  setNetwork(network: NamedNetwork): void {
    this.#networks.set(network.id, network);
    if (this.#isStarted) this.#order({ kind: 'network', network });
    else this.#start();
  }

  removeNetwork(id: string): void {
    this.#networks.delete(id);
    this.#order({ kind: 'networkGone', id });
  }

  /** New or changed. From now on questions are answered by it. */
  setSandbox(sandbox: NamedSandbox): void {
    this.#sandboxes.set(sandbox.id, sandbox);
    if (this.#isStarted) this.#order({ kind: 'sandbox', sandbox });
    else this.#start();
    if (!this.#waiting.has(sandbox.id)) this.#waiting.set(sandbox.id, Promise.withResolvers());
  }

  removeSandbox(id: string): void {
    if (!this.#sandboxes.delete(id)) return;
    this.#order({ kind: 'sandboxGone', id });
    this.#settle(id);
  }

  /** Resolves when the sockets of a container are open, or cannot be: that is logged. */
  async opened(id: string): Promise<void> {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    const timer = setTimeout(() => this.#settle(id), OPEN_LIMIT_MS);
    await waiting.promise;
    clearTimeout(timer);
  }

  /** Ends the thread without waiting for it: what the end of the process does. */
  abandon(): void {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    for (const id of this.#waiting.keys()) this.#settle(id);
    if (this.#worker) void endThread(this.#worker);
    this.#worker = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const worker = this.#worker;
    if (worker && !this.#isClosed) {
      const ended = Promise.withResolvers<void>();
      worker.once('exit', () => ended.resolve());
      this.#isClosed = true;
      this.#order({ kind: 'close' });
      const timer = setTimeout(() => void endThread(worker), CLOSE_LIMIT_MS);
      await ended.promise;
      clearTimeout(timer);
      this.#worker = undefined;
    }
    this.abandon();
  }

  #start(): void {
    if (this.#isClosed) return;
    this.#restart = undefined;
    this.#orders = new Int32Array(new SharedArrayBuffer(4));
    // It is what was made in the line above.
    const data: DnsThreadData = { orders: this.#orders.buffer as SharedArrayBuffer };
    const options = {
      name: 'quai-dns',
      trackUnmanagedFds: true, // the name spaces it holds are let go of, however it ends
      stdin: false,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    };
    const worker = startThread(ENTRY, options, data);
    this.#worker = worker;
    worker.unref();
    worker.on('message', (report: DnsReport) => this.#hear(report));
    worker.once('error', error => this.#onEnd(worker, messageOf(error)));
    worker.once('exit', code => this.#onEnd(worker, `exit code ${code}`));
    for (const network of this.#networks.values()) this.#order({ kind: 'network', network });
    for (const sandbox of this.#sandboxes.values()) this.#order({ kind: 'sandbox', sandbox });
    if (this.#deps.hostStub) this.#order({ kind: 'hostStub', ...this.#deps.hostStub });
  }

  #order(order: DnsOrder): void {
    if (!this.#worker) return;
    this.#worker.postMessage(order);
    Atomics.add(this.#orders, 0, 1); // after it: whoever sees the number finds the order
  }

  #hear({ id, error }: DnsReport): void {
    this.#settle(id);
    if (error === undefined) return;
    if (id === '') {
      this.#deps.logger.warn('cannot answer DNS for programs of this host', {
        ...this.#deps.hostStub,
        error,
      });
    } else if (this.#sandboxes.has(id)) {
      this.#deps.logger.warn('a container cannot resolve names', { container: id, error });
    }
  }

  #onEnd(worker: Worker, reason: string): void {
    if (this.#worker !== worker || this.#isClosed) return;
    this.#worker = undefined;
    this.#deps.logger.error('the DNS thread ended and is started again', { reason });
    this.#restart = setTimeout(() => this.#start(), RESTART_AFTER_MS).unref();
  }

  #settle(id: string): void {
    this.#waiting.get(id)?.resolve();
    this.#waiting.delete(id);
  }
}
