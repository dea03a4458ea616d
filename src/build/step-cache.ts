import { type Digest, newId } from '#base/ids';
import type { Logger } from '#base/logger';
import type { LayerRecord } from '#image/image-table';
import type { LayerBuilder } from '#image/layer-builder';
import type { StepRecord, StepTable } from './step-table.ts';

export interface StepCacheDeps {
  readonly table: StepTable;
  readonly layers: Pick<LayerBuilder, 'hasLayer' | 'hold' | 'collect'>;
  readonly logger: Logger;
  /** what steps may take together; default 20 GB */
  readonly maxBytes?: number;
  /** default 20,000 */
  readonly maxSteps?: number;
}

/** What a step has led to, this time or before. */
export interface StepResult {
  /** absent: it changed no file */
  readonly layer: LayerRecord | undefined;
  readonly createdAt: number;
}

const DEFAULT_MAX_BYTES = 20e9;
const DEFAULT_MAX_STEPS = 20_000;

/**
 * Results of steps that were done before, found by what would be done and on what. The layers of every row are held, so that the
 * collection of garbage among images leaves them alone; what was used longest ago goes when all of it takes too much.
 */
export class StepCache {
  readonly #deps: StepCacheDeps;
  readonly #held = new Map<Digest, Disposable>();
  /** keys that builds under way have found or made */
  readonly #inUse = new Map<Digest, number>();

  constructor(deps: StepCacheDeps) {
    this.#deps = deps;
    for (const { key, layer } of deps.table.list()) this.#hold(key, layer);
  }

  /** What a step led to, if all of it is still here. It is held until `users` is disposed. */
  find(key: Digest, users: DisposableStack): StepResult | undefined {
    const { table, layers } = this.#deps;
    const record = table.find(key);
    if (!record) return undefined;
    if (record.layer && !layers.hasLayer(record.layer)) {
      this.#drop(record);
      return undefined;
    }
    this.use(key, record.layer, users);
    table.noteUse(key, Date.now());
    return { layer: record.layer, createdAt: record.createdAt };
  }

  /** Remembers a result in the place of an older one; its layer is held by somebody else. */
  add({
    key,
    description,
    parentChain,
    layer,
  }: Pick<StepRecord, 'key' | 'description' | 'parentChain' | 'layer'>): StepResult {
    const { table, layers } = this.#deps;
    const before = table.find(key);
    const now = Date.now();
    const record = { key, description, parentChain, layer, createdAt: now, lastUsedAt: now, useCount: 1 };
    table.put({ ...record, id: before?.id ?? newId<string>().slice(0, 25) });
    const old = this.#held.get(key);
    this.#hold(key, layer);
    old?.[Symbol.dispose]();
    if (before?.layer && before.layer.chainId !== layer?.chainId) layers.collect([before.layer]);
    return { layer, createdAt: now };
  }

  /** A build needs it until `users` is disposed. */
  use(key: Digest, layer: LayerRecord | undefined, users: DisposableStack): void {
    this.#inUse.set(key, (this.#inUse.get(key) ?? 0) + 1);
    users.defer(() => {
      const left = (this.#inUse.get(key) ?? 1) - 1;
      if (left > 0) this.#inUse.set(key, left);
      else this.#inUse.delete(key);
    });
    if (layer) users.use(this.#deps.layers.hold([layer]));
  }

  isInUse(key: Digest): boolean {
    return this.#inUse.has(key);
  }

  list(): StepRecord[] {
    return this.#deps.table.list();
  }

  /** Removes steps that no build needs now. @returns what went */
  remove(records: readonly StepRecord[]): StepRecord[] {
    const gone = records.filter(({ key }) => !this.#inUse.has(key));
    for (const record of gone) this.#forget(record);
    this.#deps.layers.collect(gone.flatMap(({ layer }) => layer ?? []));
    return gone;
  }

  /** Keeps to the limits. */
  trim(): StepRecord[] {
    const { maxBytes = DEFAULT_MAX_BYTES, maxSteps = DEFAULT_MAX_STEPS } = this.#deps;
    const records = this.list();
    let bytes = 0;
    let count = 0;
    const tooMuch = records.toReversed().filter(({ layer }) => {
      bytes += layer?.sizeBytes ?? 0;
      count += 1;
      return bytes > maxBytes || count > maxSteps;
    });
    return tooMuch.length === 0 ? [] : this.remove(tooMuch);
  }

  #drop(record: StepRecord): void {
    this.#deps.logger.warn('the result of a step is damaged and is made again', { step: record.description });
    this.#forget(record);
    if (record.layer) this.#deps.layers.collect([record.layer]);
  }

  #forget({ key }: StepRecord): void {
    this.#deps.table.delete(key);
    this.#held.get(key)?.[Symbol.dispose]();
    this.#held.delete(key);
  }

  #hold(key: Digest, layer: LayerRecord | undefined): void {
    if (layer) this.#held.set(key, this.#deps.layers.hold([layer]));
    else this.#held.delete(key);
  }
}
