import { EngineError, isKind } from '#base/errors';
import type { Logger } from '#base/logger';
import type { Database } from '#store/database';
import { clientNetwork } from '#sys/address-guard';
import type { AccountTable } from './account-table.ts';
import { AttemptLimit } from './attempt-limit.ts';
import { accountNotFound, conflict, forbidden, invalid, signInFirst } from './errors.ts';
import type { Account } from './hub-records.ts';
import type { AccountService, Authenticated, Page, PageOptions, Viewer } from './hub-services.ts';
import { checkNamespaceName } from './namespace-name.ts';
import { pageOf, placeOf } from './paging.ts';
import type { PasswordHasher } from './password-hash.ts';
import { checkPassword } from './password-rules.ts';
import type { Rights } from './rights.ts';
import { secretHash } from './secret-value.ts';
import type { SessionTable } from './session-table.ts';
import type { SetupCode } from './setup-code.ts';
import type { SignIn } from './sign-in.ts';
import { singleLine } from './single-line.ts';
import type { TokenTable } from './token-table.ts';

export interface AccountsDeps {
  readonly db: Database;
  readonly accounts: AccountTable;
  readonly sessions: SessionTable;
  readonly tokens: TokenTable;
  readonly rights: Rights;
  readonly hasher: PasswordHasher;
  readonly signIn: SignIn;
  readonly setupCode: SetupCode;
  readonly isSignUpOpen: boolean;
  readonly now: () => number;
  readonly logger: Logger;
}

const MAX_FULL_NAME = 80;

type NewAccount = Parameters<AccountService['create']>[1];

export class Accounts implements AccountService {
  readonly #deps: AccountsDeps;
  readonly #signUps: AttemptLimit;

  constructor(deps: AccountsDeps) {
    this.#deps = deps;
    const { now } = deps;
    this.#signUps = new AttemptLimit({
      free: 10,
      baseMs: 60_000,
      capMs: 3_600_000,
      maxKeys: 10_000,
      now,
    });
  }

  isEmpty(): boolean {
    return this.#deps.accounts.count() === 0;
  }

  async create(viewer: Viewer, input: NewAccount): Promise<Account> {
    const { accounts, db, hasher, setupCode, logger, now } = this.#deps;
    this.#checkMayCreate(viewer, input.setupCode);
    checkNamespaceName(input.name);
    checkPassword(input.password, input.name);
    const fullName = singleLine('name', input.fullName ?? '', MAX_FULL_NAME);
    this.#checkFree(input.name);
    this.#countSignUp(viewer, input.address);
    const password = await hasher.hash(input.password);
    const account = db.transaction(() => {
      // Others have not waited meanwhile.
      this.#checkMayCreate(viewer, input.setupCode);
      this.#checkFree(input.name);
      const made: Account = {
        name: input.name,
        fullName,
        isAdmin: this.isEmpty(),
        isDisabled: false,
        createdAt: now(),
      };
      accounts.insertNamespace(made.name, 'account', fullName, made.createdAt);
      accounts.insert(made, password);
      return made;
    });
    if (account.isAdmin) setupCode.remove();
    logger.info('account made', { account: account.name, isAdmin: account.isAdmin });
    return account;
  }

  authenticate(
    name: string,
    secret: string,
    { address }: { readonly address: string },
  ): Promise<Authenticated> {
    return this.#deps.signIn.authenticate(name, secret, address);
  }

  find(name: string): Account | undefined {
    return this.#deps.accounts.find(name);
  }

  list(viewer: Viewer, options: PageOptions = {}): Page<Account> {
    this.#requireAdmin(viewer, 'list accounts');
    const place = placeOf(options);
    return pageOf(place, this.#deps.accounts.list(place), this.#deps.accounts.count());
  }

  update(viewer: Viewer, name: string, change: Parameters<AccountService['update']>[2]): Account {
    const { rights, accounts, db, logger } = this.#deps;
    const by = rights.required(viewer, 'change an account');
    const account = this.#visible(by, name);
    const isMore = change.isAdmin !== undefined || change.isDisabled !== undefined;
    if (isMore && !by.isAdmin)
      throw forbidden('only an administrator may disable accounts and make administrators');
    const changed: Account = {
      ...account,
      fullName: singleLine('name', change.fullName ?? account.fullName, MAX_FULL_NAME),
      isAdmin: change.isAdmin ?? account.isAdmin,
      isDisabled: change.isDisabled ?? account.isDisabled,
    };
    db.transaction(() => {
      accounts.update(changed);
      if (accounts.countAdmins() === 0) {
        throw conflict(`${name} is the last administrator; make somebody else one first`);
      }
      if (changed.isDisabled && !account.isDisabled) this.#endAll(name);
    });
    if (isMore) {
      const { isAdmin, isDisabled } = changed;
      logger.info('account changed', { account: name, by: by.name, isAdmin, isDisabled });
    }
    return changed;
  }

  async changePassword(
    viewer: Viewer,
    name: string,
    input: Parameters<AccountService['changePassword']>[2],
  ): Promise<void> {
    const { rights, accounts, sessions, db, hasher, signIn, logger } = this.#deps;
    const by = rights.required(viewer, 'change a password');
    this.#visible(by, name);
    if (by.name === name) {
      if (input.current === undefined) throw invalid('the current password is missing');
      await signIn.checkPassword(name, input.current).catch((error: unknown) => {
        if (isKind(error, 'unauthorized')) throw forbidden('the current password is wrong');
        throw error;
      });
    }
    checkPassword(input.password, name);
    const password = await hasher.hash(input.password);
    db.transaction(() => {
      accounts.setHash(name, password);
      accounts.nextEpoch(name);
      sessions.deleteOf(name, {
        but: input.keepSession === undefined ? undefined : secretHash(input.keepSession),
      });
      this.#deps.tokens.deleteRefreshOf(name, { isAll: false });
    });
    logger.info('password changed', { account: name, by: by.name });
  }

  /** Everything that was issued to an account, but for its access tokens: those do nothing while it is disabled. */
  #endAll(name: string): void {
    this.#deps.accounts.nextEpoch(name);
    this.#deps.sessions.deleteOf(name);
    this.#deps.tokens.deleteRefreshOf(name, { isAll: true });
  }

  #checkMayCreate(viewer: Viewer, setupCode: string | undefined): void {
    if (this.isEmpty()) {
      if (setupCode !== undefined && this.#deps.setupCode.matches(setupCode)) return;
      const which = setupCode ? 'this is not the set-up code; ' : '';
      throw forbidden(
        `${which}the first account is made with the set-up code, which the server wrote to its log and to ${this.#deps.setupCode.path}`,
      );
    }
    if (this.#deps.isSignUpOpen) return;
    this.#requireAdmin(viewer, 'make accounts');
  }

  #countSignUp(viewer: Viewer, from: string | undefined): void {
    if (from === undefined || this.#deps.rights.isAdmin(viewer)) return;
    const address = clientNetwork(from);
    const waitMs = this.#signUps.waitMs(address);
    if (waitMs > 0) {
      const minutes = Math.ceil(waitMs / 60_000);
      throw new EngineError(
        'unavailable',
        `too many accounts were made from your address; try again in ${minutes} min`,
      );
    }
    this.#signUps.began(address);
  }

  #checkFree(name: string): void {
    if (this.#deps.accounts.namespaceType(name) === undefined) return;
    throw conflict(`the name ${name} is taken`);
  }

  #requireAdmin(viewer: Viewer, what: string): void {
    const account = this.#deps.rights.current(viewer);
    if (!account) throw signInFirst(what);
    if (!account.isAdmin) throw forbidden(`only an administrator may ${what}`);
  }

  /** Oneself; any for an administrator. */
  #visible(by: Account, name: string): Account {
    const account = this.#deps.accounts.find(name);
    if (by.name !== name && !by.isAdmin) throw forbidden(`${by.name} may not change the account ${name}`);
    if (!account) throw accountNotFound(name);
    return account;
  }
}
