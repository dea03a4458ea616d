import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { LiveProgram } from '../compat/live-program.ts';
import { dockerProgram } from './daemon.ts';
import { type ProgramOptions, type ProgramResult, runProgram } from './programs.ts';
import { PATIENCE_MS } from './until.ts';

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object goes out as JSON; a list of strings one by one, as an engine sends progress. */
  readonly body?: string | object | readonly string[];
}

/** One request as the engine saw it; the version in the path is cut off. */
export interface AskedFor {
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  /** what the `X-Registry-Auth` header says */
  readonly auth: unknown;
  readonly body: string;
}

/** What is answered, by `METHOD /path` without version and query. */
export type Script = Readonly<Record<string, ScriptedAnswer | ((request: AskedFor) => ScriptedAnswer)>>;

/** What one command line did. */
export interface Outcome extends ProgramResult {
  readonly asked: readonly AskedFor[];
}

const QUAI = fileURLToPath(new URL('../../quai', import.meta.url));

/** Why the two command lines cannot be compared here. */
export const cannotCompare: string | false = dockerProgram() ? false : 'no docker command line';

/**
 * An engine that answers by a script, for comparing our command line with Docker's on answers that a real engine gives
 * only with luck: what is asked for, what is printed and the exit status must be the same.
 */
export class ScriptedEngine implements AsyncDisposable {
  readonly folder = mkdtempSync(`${tmpdir()}/quai-script-`);
  readonly #server: Server;
  #script: Script = {};
  #asked: AskedFor[] = [];

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<ScriptedEngine> {
    const engine = new ScriptedEngine();
    const { promise, resolve } = Promise.withResolvers<void>();
    engine.#server.listen(engine.socketPath, resolve);
    await promise;
    return engine;
  }

  get socketPath(): string {
    return `${this.folder}/engine.sock`;
  }

  /** Both command lines read and write this folder, unless a test gives each its own. */
  get configFolder(): string {
    return `${this.folder}/config`;
  }

  get env(): Readonly<Record<string, string>> {
    return {
      DOCKER_HOST: `unix://${this.socketPath}`,
      DOCKER_CONFIG: this.configFolder,
      HOME: this.folder,
      XDG_CONFIG_HOME: `${this.folder}/xdg`,
      TZ: 'UTC',
    };
  }

  docker(script: Script, words: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
    return this.#run(dockerProgram() ?? 'docker', script, words, options);
  }

  quai(script: Script, words: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
    return this.#run(QUAI, script, words, options);
  }

  /** What the program that ran last asked for. */
  get asked(): readonly AskedFor[] {
    return this.#asked;
  }

  /** Our command line on a terminal, to type to. */
  liveTerminal(script: Script, words: readonly string[]): LiveProgram {
    mkdirSync(this.configFolder, { recursive: true });
    this.#script = script;
    this.#asked = [];
    return new LiveProgram('script', ['-qefc', terminalCommand(QUAI, words, 100), '/dev/null'], this.env);
  }

  /** On a terminal of 40 rows and `columns` columns, by script(1); what it shows is `stdout`. */
  async onTerminal(
    program: 'docker' | 'quai',
    script: Script,
    words: readonly string[],
    { columns = 100, input }: { readonly columns?: number; readonly input?: string } = {},
  ): Promise<Outcome> {
    const path = program === 'docker' ? (dockerProgram() ?? 'docker') : QUAI;
    const options = { env: { TERM: 'xterm' }, ...(input === undefined ? {} : { input }) };
    return this.#run(
      'script',
      script,
      ['-qefc', terminalCommand(path, words, columns), '/dev/null'],
      options,
    );
  }

  /**
   * Runs both command lines with the same words on the same answers, and fails where they differ: in what they asked for,
   * in the exit status, or in what they printed; `quai` may say its own name and the right spelling where Docker only complains.
   *
   * @returns what ours did.
   */
  async same(script: Script, words: readonly string[], options: ProgramOptions = {}): Promise<Outcome> {
    const theirs = await this.docker(script, words, options);
    const ours = await this.quai(script, words, options);
    const line = words.join(' ');
    assert.equal(ours.stdout, theirs.stdout, `${line}: standard output (ours, then Docker's)`);
    assert.equal(withOwnName(ours.stderr), withOwnName(theirs.stderr), `${line}: standard error`);
    assert.equal(ours.code, theirs.code, `${line}: exit status`);
    assert.deepEqual(essence(ours.asked), essence(theirs.asked), `${line}: what was asked of the engine`);
    return ours;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #run(
    program: string,
    script: Script,
    words: readonly string[],
    options: ProgramOptions,
  ): Promise<Outcome> {
    mkdirSync(this.configFolder, { recursive: true });
    this.#script = script;
    this.#asked = [];
    const result = await runProgram(program, words, {
      timeoutMs: PATIENCE_MS,
      ...options,
      env: { ...this.env, ...options.env },
    });
    return { ...result, asked: this.#asked };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://engine');
    const path = url.pathname.replace(/^\/v1\.\d+/, '');
    const asked = {
      route: `${request.method ?? ''} ${decodeURIComponent(path)}`,
      query: Object.fromEntries(
        [...new Set(url.searchParams.keys())]
          .sort()
          .map(key => [key, url.searchParams.getAll(key).join(' ')]),
      ),
      auth: decodedAuth(request.headers['x-registry-auth']),
      body: await text(request),
    };
    const isPing = path === '/_ping';
    if (!isPing) this.#asked.push(asked);
    const found = this.#script[asked.route];
    const answer = typeof found === 'function' ? found(asked) : found;
    const fallback: ScriptedAnswer = isPing
      ? { body: 'OK' }
      : { status: 404, body: { message: `no script: ${asked.route}` } };
    const { status = 200, headers = {}, body = '' } = answer ?? fallback;
    response.writeHead(status, {
      'Api-Version': '1.50',
      Ostype: 'linux',
      ...(typeof body === 'string' ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    });
    await send(response, body);
    response.end();
  }
}

function terminalCommand(program: string, words: readonly string[], columns: number): string {
  const quoted = [program, ...words].map(word => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  return `stty rows 40 cols ${columns}; exec ${quoted}`;
}

async function send(response: ServerResponse, body: NonNullable<ScriptedAnswer['body']>): Promise<void> {
  if (typeof body === 'string') response.write(body);
  else if (!Array.isArray(body) || body.some(part => typeof part !== 'string'))
    response.write(JSON.stringify(body));
  else {
    for (const part of body) {
      response.write(`${String(part)}\r\n`);
      await new Promise(resolve => setImmediate(resolve));
    }
  }
}

function decodedAuth(header: string | string[] | undefined): unknown {
  if (typeof header !== 'string') return undefined;
  return JSON.parse(Buffer.from(header, 'base64url').toString() || 'null');
}

/** Empty values count as absent: both are the same to an engine. */
function essence(asked: readonly AskedFor[]): object[] {
  const dockers = asked.filter(({ route }) => !route.includes(' /quai/'));
  return dockers.map(({ route, query, auth, body }) => ({
    route,
    query: Object.fromEntries(
      Object.entries(query)
        .filter(([, value]) => value !== '')
        .map(([key, value]) => [key, key === 'filters' ? listed(value) : value === 'true' ? '1' : value]),
    ),
    auth: auth === undefined || JSON.stringify(auth) === '{}' ? undefined : auth,
    body: withoutNothing(parsed(body)),
  }));
}

/** Filters come as lists of values, or as the older objects of them. */
function listed(filters: string): object {
  const entries = Object.entries(JSON.parse(filters) as Record<string, object>);
  return Object.fromEntries(
    entries.map(([name, values]) => [name, Array.isArray(values) ? values : Object.keys(values)]),
  );
}

/** Fields that say nothing are left out by one client and sent by the other. What only engines of old need is not compared. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) {
    if (value.every(item => typeof item === 'string')) return value.length > 0 ? value : undefined;
    // Go's maps, and what is made from them, have no order
    return value.map(withoutNothing).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value !== 'object' || value === null) return value || value === false ? value : undefined;
  const fields = Object.entries(value)
    .filter(([name]) => name !== 'CheckDuplicate')
    .map(([name, field]) => [name, withoutNothing(field)] as const)
    .filter(([, field]) => field !== undefined);
  return fields.length > 0 ? Object.fromEntries(fields) : undefined;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function withOwnName(text: string): string {
  return text
    .replaceAll(/\bquai\b/g, 'docker')
    .replaceAll(/\bQuai\b/g, 'Docker')
    .trimEnd();
}
