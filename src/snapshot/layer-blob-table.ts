import type { Digest } from '#base/ids';
import type { Database, Migration, Row } from '#store/database';
import type { GzipRecipe } from '#store/gzip-recipe';

export const layerBlobMigrations: readonly Migration[] = [
  {
    name: 'snapshot/3-layer-blobs',
    sql: `CREATE TABLE layer_blobs (
      digest TEXT PRIMARY KEY,
      size_bytes INTEGER NOT NULL,
      diff_id TEXT NOT NULL,
      tar_bytes INTEGER NOT NULL,
      is_tried INTEGER NOT NULL DEFAULT 0,
      recipe TEXT
    ) STRICT`,
  },
];

/** A compressed blob whose layer is kept as a tar. */
export interface LayerBlobRecord {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly diffId: Digest;
  readonly tarBytes: number;
  /** whether it is known if there is a recipe */
  readonly isTried: boolean;
  readonly recipe?: GzipRecipe;
}

export class LayerBlobTable {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(digest: Digest): LayerBlobRecord | undefined {
    const row = this.#db.get('SELECT * FROM layer_blobs WHERE digest = ?', digest);
    return row && fromRow(row);
  }

  list(): LayerBlobRecord[] {
    return this.#db.all('SELECT * FROM layer_blobs ORDER BY size_bytes').map(fromRow);
  }

  /** Happy when it is there. */
  insert({ digest, sizeBytes, diffId, tarBytes }: Omit<LayerBlobRecord, 'isTried' | 'recipe'>): void {
    this.#db.run(
      `INSERT INTO layer_blobs (digest, size_bytes, diff_id, tar_bytes) VALUES (?, ?, ?, ?)
       ON CONFLICT (digest) DO NOTHING`,
      digest,
      sizeBytes,
      diffId,
      tarBytes,
    );
  }

  setRecipe(digest: Digest, recipe: GzipRecipe | undefined): void {
    this.#db.run(
      'UPDATE layer_blobs SET is_tried = 1, recipe = ? WHERE digest = ?',
      recipe === undefined ? null : JSON.stringify(recipe),
      digest,
    );
  }

  delete(digest: Digest): void {
    this.#db.run('DELETE FROM layer_blobs WHERE digest = ?', digest);
  }
}

function fromRow(row: Row): LayerBlobRecord {
  const {
    digest,
    size_bytes: sizeBytes,
    diff_id: diffId,
    tar_bytes: tarBytes,
    is_tried: isTried,
    recipe,
  } = row;
  return {
    // Written by insert() and setRecipe().
    digest: String(digest) as Digest,
    sizeBytes: Number(sizeBytes),
    diffId: String(diffId) as Digest,
    tarBytes: Number(tarBytes),
    isTried: isTried === 1,
    ...(recipe === null ? {} : { recipe: JSON.parse(String(recipe)) as GzipRecipe }),
  };
}
