import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { EngineError } from '#base/errors';
import { Semaphore } from '#base/semaphore';

/** What a hash costs: memory is `128 · r · 2^logN` bytes, work `p` times that. They are kept with each hash. */
export interface HashCost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB, three times: one of the settings of OWASP's Password Storage Cheat Sheet. */
export const DEFAULT_COST: HashCost = { logN: 15, r: 8, p: 3 };

const SALT_BYTES = 16;
const KEY_BYTES = 32;
const FORMAT = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,64})\$([\w-]{43})$/;
/** Threads of the pool are wanted by the disk too. */
const AT_A_TIME = 2;
/** Whoever comes when so many wait is told to come again, instead of waiting for minutes. */
const MOST_WAITING = 50;

/** Hashes passwords with scrypt (RFC 7914), on the thread pool and a few at a time. */
export class PasswordHasher {
  readonly #cost: HashCost;
  readonly #slots = new Semaphore(AT_A_TIME);
  /** what a password is compared with where there is no account */
  readonly #nobody: string;
  #pending = 0;

  constructor(cost: HashCost = DEFAULT_COST) {
    this.#cost = cost;
    this.#nobody = format(cost, randomBytes(SALT_BYTES), randomBytes(KEY_BYTES));
  }

  /** @throws {EngineError} `unavailable` when too many are waiting. */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return format(this.#cost, salt, await this.#derive(password, salt, this.#cost));
  }

  /**
   * Whether a password is the one of `hash`. Without a hash it is as much work, and never true.
   *
   * @throws {EngineError} `unavailable` when too many are waiting.
   */
  async verify(password: string, hash: string | undefined): Promise<boolean> {
    const [, logN, r, p, salt = '', key = ''] = FORMAT.exec(hash ?? this.#nobody) ?? [];
    if (key === '') throw new EngineError('dataLoss', 'the hash of a password cannot be read');
    const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
    const derived = await this.#derive(password, Buffer.from(salt, 'base64url'), cost);
    const isSame = timingSafeEqual(derived, Buffer.from(key, 'base64url'));
    return isSame && hash !== undefined;
  }

  /** Whether it was made with other settings than new ones are. */
  isOutdated(hash: string): boolean {
    const { logN, r, p } = this.#cost;
    return !hash.startsWith(`scrypt$${logN}$${r}$${p}$`);
  }

  async #derive(password: string, salt: Buffer, { logN, r, p }: HashCost): Promise<Buffer> {
    if (this.#pending >= MOST_WAITING) {
      throw new EngineError(
        'unavailable',
        'too many are signing in at this moment; try again in a few seconds',
      );
    }
    this.#pending += 1;
    try {
      return await this.#slots.run(() => scryptAsync(password, salt, { N: 2 ** logN, r, p }));
    } finally {
      this.#pending -= 1;
    }
  }
}

function format({ logN, r, p }: HashCost, salt: Buffer, key: Buffer): string {
  return ['scrypt', logN, r, p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

function scryptAsync(
  password: string,
  salt: Buffer,
  { N, r, p }: { readonly N: number; readonly r: number; readonly p: number },
): Promise<Buffer> {
  // Equal passwords have equal bytes whatever keyboard they come from.
  const text = password.normalize('NFKC');
  return new Promise((resolve, reject) => {
    scrypt(text, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
