import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, silentLogger } from '#base/logger';
import { FakeRepositoryCatalog } from '#registry/fake-repository-catalog';
import { Database } from '#store/database';
import type { HubOptions } from './hub-options.ts';
import type { Account } from './hub-records.ts';
import type { HubServices } from './hub-services.ts';
import { type Hub, openHub } from './open-hub.ts';

export const PASSWORD = 'correct horse battery';
/** Tests hash many passwords. */
const CHEAP = { logN: 4, r: 1, p: 1 };

/** For tests: a hub in memory, with a registry that only pretends, and a clock that stands still. */
export class TestHub implements AsyncDisposable {
  readonly catalog: FakeRepositoryCatalog;
  readonly db = new Database(':memory:');
  readonly folder = mkdtempSync(join(tmpdir(), 'quai-hub-'));
  readonly hub: Hub;
  now = Date.UTC(2026, 10, 1);

  constructor(options: Partial<HubOptions> = {}, logger: Logger = silentLogger) {
    this.catalog = new FakeRepositoryCatalog(() => this.now);
    this.hub = this.open(options, logger);
  }

  get services(): HubServices {
    return this.hub.services;
  }

  get setupCode(): string {
    return readFileSync(join(this.folder, 'setup-code'), 'utf8').trim();
  }

  /** Another one on the same tables, as after a crash. */
  open(options: Partial<HubOptions> = {}, logger: Logger = silentLogger): Hub {
    return openHub({
      db: this.db,
      catalog: this.catalog,
      root: this.folder,
      logger,
      now: () => this.now,
      options: { publicUrl: 'http://hub.test:5000', hashCost: CHEAP, ...options },
    });
  }

  /** The first account, an administrator. */
  async setUp(name = 'root-admin'): Promise<Account> {
    const { accounts } = this.services;
    return await accounts.create(undefined, { name, password: PASSWORD, setupCode: this.setupCode });
  }

  /** An administrator, and accounts with these names. */
  async people<const Name extends string>(...names: readonly Name[]) {
    const admin = await this.setUp();
    const made: Partial<Record<Name, Account>> = {};
    for (const name of names) {
      made[name] = await this.services.accounts.create(admin, { name, password: PASSWORD });
    }
    return { admin, ...(made as Record<Name, Account>) }; // each of the names has been given one
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    this.db[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
