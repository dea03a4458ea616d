import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(path => existsSync(path));

export const noBrowser = CHROMIUM === undefined && 'needs chromium (apt-get install chromium)';

const OPTIONS =
  '--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars --remote-debugging-port=0'.split(
    ' ',
  );

const ANSWER_MS = 60_000;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
  readonly sessionId?: string;
}

/** A chromium without a screen, driven by its DevTools protocol. */
export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #pending = new Map<number, (message: Message) => void>();
  readonly #tabs = new Map<string, (message: Message) => void>();
  #next = 1;

  private constructor(child: ChildProcess, folder: string, socket: WebSocket) {
    this.#child = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener('message', event => this.#onMessage(JSON.parse(String(event.data)) as Message));
  }

  static async start(): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'quai-browser-'));
    const child = spawn(CHROMIUM ?? 'chromium', [...OPTIONS, `--user-data-dir=${folder}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin', HOME: folder },
    });
    const socket = new WebSocket(await addressOf(child));
    await once(socket, 'open');
    return new Browser(child, folder, socket);
  }

  async tab(): Promise<Tab> {
    const { browserContextId } = await this.call('Target.createBrowserContext');
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const id = String(sessionId);
    const tab = new Tab((method, params) => this.call(method, params, id));
    this.#tabs.set(id, message => tab.onEvent(message.method ?? '', message.params ?? {}));
    await tab.begin();
    return tab;
  }

  async call(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), ANSWER_MS);
    this.#pending.set(id, resolve);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    const message = await promise.finally(() => clearTimeout(timer));
    if (message.error) throw new Error(`${method}: ${message.error.message}`);
    return message.result ?? {};
  }

  #onMessage(message: Message): void {
    if (message.id !== undefined) {
      this.#pending.get(message.id)?.(message);
      this.#pending.delete(message.id);
    } else if (message.sessionId !== undefined) {
      this.#tabs.get(message.sessionId)?.(message);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#child, 'exit');
    await this.call('Browser.close').catch(() => this.#child.kill('SIGKILL'));
    await gone;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** A window with cookies of its own. What its pages complain about is kept in `complaints`. */
export class Tab {
  readonly complaints: string[] = [];
  /** every address that was asked for */
  readonly requests: string[] = [];
  readonly #call: (method: string, params?: object) => Promise<Record<string, unknown>>;
  #onLoad: (() => void) | undefined;

  constructor(call: (method: string, params?: object) => Promise<Record<string, unknown>>) {
    this.#call = call;
  }

  async begin(): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.#call(`${domain}.enable`);
  }

  onEvent(method: string, params: Record<string, unknown>): void {
    if (method === 'Page.loadEventFired') this.#onLoad?.();
    // The shapes are those of the protocol (Log.entryAdded, Runtime.consoleAPICalled, Network.requestWillBeSent).
    if (method === 'Log.entryAdded') {
      const { entry } = params as { entry: { level: string; text: string; url?: string } };
      this.complaints.push(`${entry.level}: ${entry.text} ${entry.url ?? ''}`);
    }
    if (method === 'Runtime.exceptionThrown' || method === 'Runtime.consoleAPICalled') {
      this.complaints.push(JSON.stringify(params));
    }
    if (method === 'Network.requestWillBeSent') {
      this.requests.push((params as { request: { url: string } }).request.url);
    }
  }

  async open(url: string): Promise<void> {
    await this.#loading(() => this.#call('Page.navigate', { url }));
  }

  /** Does what leads to another page, and waits for it. */
  async follow(expression: string): Promise<void> {
    await this.#loading(() => this.evaluate(expression));
  }

  async #loading(work: () => Promise<unknown>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('the page did not load in time')), ANSWER_MS);
    this.#onLoad = resolve;
    try {
      await Promise.all([promise, work()]);
    } finally {
      clearTimeout(timer);
      this.#onLoad = undefined;
    }
  }

  /** Fills in a form of the page as somebody would, and sends it by its button. */
  async submit(selector: string, fields: Readonly<Record<string, string>>): Promise<void> {
    await this.follow(`{
      const form = document.querySelector(${JSON.stringify(selector)});
      for (const [name, value] of Object.entries(${JSON.stringify(fields)})) {
        const field = form.elements[name];
        if (field instanceof RadioNodeList) field.value = value;
        else { field.focus(); field.value = value; }
      }
      form.querySelector('button[type=submit]').click();
    }`);
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#call('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result: { value?: unknown }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? expression);
    return result.value;
  }

  async text(): Promise<string> {
    return String(await this.evaluate('document.body.innerText'));
  }

  /** Pages run no scripts of their own from now on; what a test evaluates still runs. */
  async withoutScripts(): Promise<void> {
    await this.#call('Emulation.setScriptExecutionDisabled', { value: true });
  }

  async setCookie(url: string, name: string, value: string): Promise<void> {
    await this.#call('Network.setCookie', { url, name, value });
  }

  async look(options: { readonly width: number; readonly scheme: 'light' | 'dark' }): Promise<void> {
    await this.#call('Emulation.setDeviceMetricsOverride', {
      width: options.width,
      height: 900,
      deviceScaleFactor: 1,
      mobile: options.width < 600,
    });
    await this.#call('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: options.scheme }],
    });
  }

  /** A picture of the whole page, as PNG. */
  async picture(): Promise<Buffer> {
    const { data } = await this.#call('Page.captureScreenshot', { captureBeyondViewport: true });
    return Buffer.from(String(data), 'base64');
  }
}

async function addressOf(child: ChildProcess): Promise<string> {
  const { stderr } = child;
  if (!stderr) throw new Error('chromium was started without a pipe');
  const lines = createInterface({ input: stderr });
  const seen: string[] = [];
  for await (const line of lines) {
    const address = /DevTools listening on (ws:\/\/\S+)/.exec(line)?.[1];
    if (address !== undefined) {
      stderr.resume();
      return address;
    }
    seen.push(line);
  }
  throw new Error(`chromium ended: ${seen.join('\n')}`);
}
