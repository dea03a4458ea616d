import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { codeOf } from '#base/errors';
import { type Json, parseJson, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import type { Env } from '../env.ts';
import { type Credential, TOKEN_USER } from './credential.ts';

/** Helpers that ask the user take a while; one that hangs does not hold us for ever. */
const LIMIT_MS = 120_000;
/** What helpers say when they have nothing, by the protocol. */
const NOT_FOUND = 'credentials not found in native keychain';

/**
 * A `docker-credential-NAME` program: it keeps passwords where the system keeps them, and speaks a protocol of one word as its
 * argument and JSON or a server on its standard input.
 */
export class HelperProgram {
  readonly program: string;
  readonly #env: Env;

  /** @throws {CliError} for a name that is not one. */
  constructor(name: string, env: Env) {
    if (!/^[\w.-]+$/.test(name)) throw new CliError(`"${name}" is no name of a credential helper`);
    this.program = `docker-credential-${name}`;
    this.#env = env;
  }

  async get(server: string): Promise<Credential | undefined> {
    const { status, output } = await this.#run('get', server);
    if (status !== 0) {
      if (output.trim() === NOT_FOUND) return undefined;
      throw this.#failure('get', server, output);
    }
    const answer = this.#parsed(output);
    const username = textAt(answer, 'Username');
    const secret = textAt(answer, 'Secret');
    if (!secret) return undefined;
    return username === TOKEN_USER ? { username: '', identityToken: secret } : { username, password: secret };
  }

  async store(server: string, { username, password, identityToken }: Credential): Promise<void> {
    const entry = {
      ServerURL: server,
      Username: identityToken ? TOKEN_USER : username,
      Secret: identityToken ?? password ?? '',
    };
    const { status, output } = await this.#run('store', JSON.stringify(entry));
    if (status !== 0) throw this.#failure('store', server, output);
  }

  /** Nothing to erase is no failure. */
  async erase(server: string): Promise<void> {
    const { status, output } = await this.#run('erase', server);
    if (status !== 0 && output.trim() !== NOT_FOUND) throw this.#failure('erase', server, output);
  }

  /** Users by server. */
  async list(): Promise<ReadonlyMap<string, string>> {
    const { status, output } = await this.#run('list', '');
    if (status !== 0) throw this.#failure('list', '', output);
    const answer = this.#parsed(output);
    const servers = typeof answer === 'object' && answer !== null ? Object.keys(answer) : [];
    return new Map(servers.map(server => [server, textAt(answer, server)]));
  }

  async #run(action: string, input: string): Promise<{ readonly status: number; readonly output: string }> {
    const child = spawn(this.program, [action], {
      env: this.#env,
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: LIMIT_MS,
    });
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(input);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    child.once('error', reject);
    child.once('close', code => resolve(code ?? -1));
    try {
      const [status, output] = await Promise.all([promise, text(child.stdout)]);
      return { status, output };
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      throw new CliError(
        `credential helper ${this.program} is not installed, but the configuration names it (credsStore or credHelpers)`,
      );
    }
  }

  #parsed(output: string): Json {
    try {
      return parseJson(output);
    } catch {
      throw new CliError(`${this.program} answered with something that is not JSON`);
    }
  }

  #failure(action: string, server: string, output: string): CliError {
    const target = server ? ` "${server}"` : '';
    return new CliError(
      `${this.program} ${action}${target} failed: ${output.trim() || 'it says nothing about why'}`,
    );
  }
}
