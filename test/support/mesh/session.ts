import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { ReplayWindow } from './replay-window.ts';

/** What one run of a driver tells others of itself, so that both can derive keys that no other run has. */
export interface Hello {
  /** random, of this run */
  readonly epoch: string;
  /** X25519, as SPKI in base64 */
  readonly key: string;
  /** epoch of the one it is said to, when that is known */
  readonly echo: string;
  /** HMAC under the secret of the mesh; empty without one */
  readonly proof: string;
}

export const SEALED = 1;
const ID_BYTES = 8;
const COUNTER_BYTES = 8;
const HEADER_BYTES = 1 + ID_BYTES + COUNTER_BYTES;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

/** Who this run is. */
export class Identity {
  readonly epoch = randomBytes(16).toString('hex');
  readonly #keys = generateKeyPairSync('x25519');
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  hello(echo: string): Hello {
    const key = this.#keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const said = { epoch: this.epoch, key, echo };
    return { ...said, proof: this.#proof(said) };
  }

  /** Whether it knows the secret. */
  trusts(hello: Hello): boolean {
    const own = Buffer.from(this.#proof(hello));
    const theirs = Buffer.from(hello.proof);
    return own.length === theirs.length && timingSafeEqual(own, theirs);
  }

  sessionWith(hello: Hello): Session {
    const publicKey = createPublicKey({ key: Buffer.from(hello.key, 'base64'), type: 'spki', format: 'der' });
    const shared = diffieHellman({ privateKey: this.#keys.privateKey, publicKey });
    return new Session({ shared, secret: this.#secret, own: this.epoch, theirs: hello.epoch });
  }

  #proof({ epoch, key, echo }: Omit<Hello, 'proof'>): string {
    if (this.#secret === '') return '';
    return createHmac('sha256', this.#secret).update(`${epoch} ${key} ${echo}`).digest('hex');
  }
}

/** What opening a packet comes to. */
export type Opened =
  | { readonly message: Buffer }
  | { readonly refused: 'not of this session' | 'forged' | 'replayed' };

/** Keys between two runs of two drivers, one for each way; AES-GCM, with a number in each packet that counts once. */
export class Session {
  readonly theirs: string;
  readonly #out: Way;
  readonly #in: Way;
  readonly #window = new ReplayWindow();
  #sent = 0n;

  constructor(of: {
    readonly shared: Buffer;
    readonly secret: string;
    readonly own: string;
    readonly theirs: string;
  }) {
    this.theirs = of.theirs;
    const both = [of.own, of.theirs].toSorted().join(' ');
    this.#out = wayFrom(of.shared, of.secret, `${both} ${of.own}`);
    this.#in = wayFrom(of.shared, of.secret, `${both} ${of.theirs}`);
  }

  seal(message: Buffer): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = SEALED;
    this.#out.id.copy(header, 1);
    header.writeBigUInt64BE((this.#sent += 1n), 1 + ID_BYTES);
    const cipher = createCipheriv(CIPHER, this.#out.key, nonceOf(header));
    cipher.setAAD(header);
    return Buffer.concat([header, cipher.update(message), cipher.final(), cipher.getAuthTag()]);
  }

  open(packet: Buffer): Opened {
    if (packet.length < HEADER_BYTES + TAG_BYTES) return { refused: 'forged' };
    const header = packet.subarray(0, HEADER_BYTES);
    if (!header.subarray(1, 1 + ID_BYTES).equals(this.#in.id)) return { refused: 'not of this session' };
    const number = header.readBigUInt64BE(1 + ID_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#in.key, nonceOf(header));
    decipher.setAAD(header);
    decipher.setAuthTag(packet.subarray(-TAG_BYTES));
    const body = decipher.update(packet.subarray(HEADER_BYTES, -TAG_BYTES));
    try {
      decipher.final();
    } catch {
      return { refused: 'forged' };
    }
    if (!this.#window.isNew(number)) return { refused: 'replayed' };
    this.#window.note(number);
    return { message: body };
  }
}

interface Way {
  readonly id: Buffer;
  readonly key: Buffer;
}

function wayFrom(shared: Buffer | KeyObject, secret: string, info: string): Way {
  const bytes = Buffer.from(hkdfSync('sha256', shared, secret, info, 32 + ID_BYTES));
  return { key: bytes.subarray(0, 32), id: bytes.subarray(32) };
}

/** The number of the packet: it never comes again under the same key. */
function nonceOf(header: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(4), header.subarray(1 + ID_BYTES)]);
}
