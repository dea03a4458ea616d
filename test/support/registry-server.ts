import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, silentLogger } from '#base/logger';
import { createHttpServer, type HttpServer } from '#http/http-server';
import type { AccessControl } from '#registry/access-control';
import { openAccess } from '#registry/open-access';
import { openRegistry, type Registry } from '#registry/open-registry';
import type { ReachFault } from '#registry/registry-faults';
import type { RegistryOptions } from '#registry/registry-options';
import { ContentStore } from '#store/content-store';
import { Database } from '#store/database';

export interface RegistryServerOptions {
  readonly access?: AccessControl;
  readonly options?: RegistryOptions;
  readonly now?: () => number;
  readonly logger?: Logger;
  readonly reach?: ReachFault;
  /** of one that ended, to begin where it stopped; it is not removed then */
  readonly folder?: string;
}

/** Our registry in this process, on a port of its own, with its data in a temporary folder. Dispose it with `await using`. */
export class RegistryServer implements AsyncDisposable {
  readonly folder: string;
  readonly registry: Registry;
  readonly db: Database;
  readonly content: ContentStore;
  readonly #server: HttpServer;
  readonly #isOwn: boolean;

  private constructor(options: RegistryServerOptions) {
    this.#isOwn = options.folder === undefined;
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'quai-registry-server-'));
    mkdirSync(this.folder, { recursive: true });
    const logger = options.logger ?? silentLogger;
    this.db = new Database(join(this.folder, 'hub.sqlite'));
    this.content = new ContentStore({ root: join(this.folder, 'content') });
    this.registry = openRegistry({
      root: this.folder,
      db: this.db,
      content: this.content,
      access: options.access ?? openAccess,
      logger,
      ...(options.reach ? { reach: options.reach } : {}),
      ...(options.now ? { now: options.now } : {}),
      ...(options.options ? { options: options.options } : {}),
    });
    this.#server = createHttpServer({ routes: this.registry.routes, edge: this.registry.edge, logger });
  }

  static async start(options: RegistryServerOptions = {}): Promise<RegistryServer> {
    const server = new RegistryServer(options);
    server.#server.server.listen(0, '127.0.0.1');
    await once(server.#server.server, 'listening');
    return server;
  }

  get port(): number {
    const address = this.#server.server.address();
    assert.ok(address !== null && typeof address === 'object');
    return address.port;
  }

  /** `127.0.0.1:port`, before the name of a repository */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await this.registry[Symbol.asyncDispose]();
    this.db[Symbol.dispose]();
    if (this.#isOwn) rmSync(this.folder, { recursive: true, force: true });
  }
}
