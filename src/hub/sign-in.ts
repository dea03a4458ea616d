import { createHmac, randomBytes } from 'node:crypto';
import type { Logger } from '#base/logger';
import { SingleFlight } from '#base/single-flight';
import type { AccountTable } from './account-table.ts';
import { SignInLimits } from './attempt-limit.ts';
import { wrongPassword } from './errors.ts';
import type { Authenticated } from './hub-services.ts';
import type { PasswordHasher } from './password-hash.ts';
import { MAX_PASSWORD_LENGTH } from './password-rules.ts';
import { ACCESS_TOKEN_PREFIX, MAX_SECRET_LENGTH, secretHash } from './secret-value.ts';
import type { TokenTable } from './token-table.ts';

export interface SignInDeps {
  readonly accounts: AccountTable;
  readonly tokens: TokenTable;
  readonly hasher: PasswordHasher;
  /** milliseconds since 1970 */
  readonly now: () => number;
  readonly logger: Logger;
}

interface Proven {
  readonly epoch: number;
  readonly until: number;
}

/** A client that sends its password with every request has it hashed once in this time. */
const REMEMBER_MS = 60_000;
const MOST_REMEMBERED = 1000;
const TOUCH_MS = 60_000;
const MAX_NAME_LENGTH = 64;

/** Checks passwords and access tokens, slowly for whoever guesses. */
export class SignIn {
  readonly #deps: SignInDeps;
  readonly #limits: SignInLimits;
  readonly #flights = new SingleFlight<boolean>();
  /** what was right a moment ago, under a key that nobody can make outside this process */
  readonly #proven = new Map<string, Proven>();
  readonly #key = randomBytes(32);

  constructor(deps: SignInDeps) {
    this.#deps = deps;
    this.#limits = new SignInLimits(deps.now);
  }

  /**
   * @param address where it comes from; empty where nobody knows
   * @throws {EngineError} `unauthorized`; `unavailable` after too many wrong ones.
   */
  async authenticate(name: string, secret: string, address: string): Promise<Authenticated> {
    const account = name.toLowerCase().slice(0, MAX_NAME_LENGTH);
    if (secret.startsWith(ACCESS_TOKEN_PREFIX) && secret.length <= MAX_SECRET_LENGTH) {
      return this.#byToken(account, secret, address);
    }
    await this.checkPassword(account, secret, address);
    const found = this.#deps.accounts.find(account);
    if (!found || found.isDisabled) throw wrongPassword();
    return { account: found, permission: 'admin' };
  }

  /** @throws {EngineError} `unauthorized`; `unavailable` after too many wrong ones. */
  async checkPassword(account: string, password: string, address = ''): Promise<void> {
    const key = this.#fingerprint(account, password);
    const epoch = this.#deps.accounts.findSecrets(account)?.epoch;
    const known = this.#proven.get(key);
    if (known && known.epoch === epoch && known.until > this.#deps.now()) return;
    // Those who send the same at the same time are one, so that it is counted once.
    const isRight = await this.#flights.run(`${key} ${address}`, () =>
      this.#attempt(account, password, address),
    );
    if (!isRight) throw wrongPassword();
  }

  async #attempt(account: string, password: string, address: string): Promise<boolean> {
    const { accounts, hasher, logger } = this.#deps;
    const attempt = this.#limits.begin(account, address);
    const secrets = accounts.findSecrets(account);
    const isHashable = password.length <= MAX_PASSWORD_LENGTH;
    const isRight = await hasher
      .verify(isHashable ? password : '', isHashable ? secrets?.password : undefined)
      .catch((error: unknown) => {
        attempt.undone();
        throw error;
      });
    if (!isRight || !secrets || secrets.account.isDisabled) {
      logger.info('sign-in refused', { account, address });
      return false;
    }
    attempt.succeeded();
    if (hasher.isOutdated(secrets.password)) {
      accounts.replaceHash(account, secrets.password, await hasher.hash(password));
    }
    this.#remember(this.#fingerprint(account, password), secrets.epoch);
    return true;
  }

  /** Nobody guesses 256 bits: those who have a token are not kept waiting by those who guess the password. */
  #byToken(account: string, secret: string, address: string): Authenticated {
    const { accounts, tokens, now, logger } = this.#deps;
    const token = tokens.findByHash(secretHash(secret));
    const found = accounts.find(account);
    const isExpired = token?.expiresAt !== undefined && token.expiresAt <= now();
    if (!token || !found || token.account !== account || isExpired || found.isDisabled) {
      // Those that never were are not kept waiting either, and could fill a log.
      logger[token ? 'info' : 'debug']('access token refused', { account, address });
      throw wrongPassword();
    }
    if (now() - (token.usedAt ?? 0) > TOUCH_MS) tokens.touch(token.id, now());
    return { account: found, permission: token.permission, tokenId: token.id };
  }

  #remember(key: string, epoch: number): void {
    this.#proven.delete(key);
    this.#proven.set(key, { epoch, until: this.#deps.now() + REMEMBER_MS });
    const [oldest] = this.#proven.keys();
    if (this.#proven.size > MOST_REMEMBERED && oldest !== undefined) this.#proven.delete(oldest);
  }

  #fingerprint(account: string, password: string): string {
    return createHmac('sha256', this.#key).update(`${account}\0${password}`).digest('base64');
  }
}
