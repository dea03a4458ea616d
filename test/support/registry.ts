import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

const PROGRAM = process.env['QUAI_TEST_REGISTRY'] ?? '/usr/bin/docker-registry';

/** Why tests against a registry cannot run here; for `{ skip: cannotRunRegistry }`. */
export const cannotRunRegistry: string | false = existsSync(PROGRAM)
  ? false
  : 'no docker-registry: Debian has it as a package';

export interface RegistryOptions {
  /** PEM files: then it speaks TLS, as `localhost` */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** as the configuration file of distribution has it: `token: …`; or `ann` with `canary-5b2f` and nobody else */
  readonly auth?: object | 'ann';
}

/** `htpasswd -nbB ann canary-5b2f` */
const HTPASSWD = 'ann:$2y$05$kM6qokbkyPosihPRtamen./8v4eq35wQAffR1XmthhCnyDH08N/7C\n';

/** Debian's `docker-registry` on a port of its own, with its data in a temporary folder. Dispose it with `await using`. */
export class TestRegistry implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'quai-registry-'));
  readonly port: number;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(port: number, { tls, auth }: RegistryOptions) {
    this.port = port;
    const htpasswd = join(this.folder, 'htpasswd');
    writeFileSync(htpasswd, HTPASSWD);
    const config = {
      version: 0.1,
      log: { level: 'warn' },
      storage: {
        filesystem: { rootdirectory: join(this.folder, 'data') },
        delete: { enabled: true },
      },
      http: { addr: `127.0.0.1:${port}`, ...(tls ? { tls } : {}) },
      ...(auth ? { auth: auth === 'ann' ? { htpasswd: { realm: 'test', path: htpasswd } } : auth } : {}),
    };
    // JSON is YAML.
    writeFileSync(join(this.folder, 'config.yml'), JSON.stringify(config));
    this.#child = spawn(PROGRAM, ['serve', join(this.folder, 'config.yml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    for (;;) {
      const registry = new TestRegistry(await freePort(), options);
      try {
        await until('the registry answers', () => registry.#answers(options.tls !== undefined));
        return registry;
      } catch (error) {
        registry.#child.kill('SIGKILL');
        // Somebody else was given the port meanwhile.
        if (!registry.#output.includes('address already in use'))
          assert.fail(`${String(error)}\n${registry.#output}`);
      }
    }
  }

  /** `127.0.0.1:port`, before the name of a repository */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid ?? assert.fail('it was started');
  }

  get log(): string {
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #answers(isTls: boolean): Promise<boolean> {
    assert.equal(this.#child.exitCode, null, `the registry ended:\n${this.#output}`);
    if (isTls) return await accepts(this.port);
    return await fetch(`http://${this.host}/v2/`).then(
      () => true,
      () => false,
    );
  }
}

/** A port nobody has right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  return address.port;
}

/** Whether somebody listens on a port of the loopback. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
