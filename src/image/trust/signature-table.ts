import type { Digest } from '#base/ids';
import type { Database, Migration } from '#store/database';
import type { Signature } from './signature.ts';

export const signatureMigrations: readonly Migration[] = [
  {
    name: 'image/3-signatures',
    sql: `CREATE TABLE signatures (
      digest TEXT NOT NULL,
      payload BLOB NOT NULL,
      signature BLOB NOT NULL,
      PRIMARY KEY (digest, signature)
    ) STRICT`,
  },
];

/** Signatures that counted when an image was pulled. They are verified again with the keys of the day when it is run. */
export class SignatureTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  add(digest: Digest, { payload, signature }: Signature): void {
    this.#db.run('INSERT OR REPLACE INTO signatures VALUES (?, ?, ?)', digest, payload, signature);
  }

  of(digest: Digest): Signature[] {
    return this.#db
      .all('SELECT payload, signature FROM signatures WHERE digest = ?', digest)
      .map(({ payload, signature }) => ({ payload: bytes(payload), signature: bytes(signature) }));
  }
}

function bytes(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new TypeError('a BLOB column holds bytes');
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
