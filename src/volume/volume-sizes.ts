import { type Abortable, orAborted, throwIfAborted } from '#base/abortable';
import { isKind } from '#base/errors';
import type { Logger } from '#base/logger';
import { Semaphore } from '#base/semaphore';
import type { TreeUsage } from '#sys/tree-usage';
import type { MeasuredSize, SizeTable } from './size-table.ts';
import type { Volume } from './volume.ts';

export interface VolumeSizesDeps {
  readonly table: Pick<SizeTable, 'find' | 'put' | 'delete'>;
  /** Adds up a directory. */
  readonly measure: (path: string) => Promise<Pick<TreeUsage, 'sizeBytes' | 'inodes'>>;
  readonly logger: Logger;
  /** milliseconds since 1970 */
  readonly now?: () => number;
}

type Measured = Pick<Volume, 'name' | 'mountpoint'>;

/** A volume with no more than this was, and probably is, added up within a few milliseconds: its size is always that of now. */
const FEW_INODES = 3000;
/** How long a request waits for sizes of large volumes to become those of now. */
const PATIENCE_MS = 30;
/** After a measurement a large volume has so many times as long a rest: asking again and again costs a tenth of a disk at most. */
const REST_FACTOR = 10;

/**
 * How much volumes have. Small ones are added up when somebody asks; of large ones the last sum is told at once, with its time, and the
 * next one is made in the background, one at a time. Only the first sum of a volume is waited for.
 */
export class VolumeSizes {
  readonly #deps: VolumeSizesDeps;
  readonly #now: () => number;
  /** what was found since the start, by name; that of large ones is in the table, too */
  readonly #known = new Map<string, MeasuredSize>();
  readonly #underWay = new Map<string, Promise<MeasuredSize>>();
  readonly #queued = new Map<string, Promise<void>>();
  readonly #one = new Semaphore(1);

  constructor(deps: VolumeSizesDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  /** @returns in the order of the volumes. @throws what adding up one fails with for the first time. */
  async of(volumes: readonly Measured[], { signal }: Abortable = {}): Promise<MeasuredSize[]> {
    const late: Promise<void>[] = [];
    for (const volume of volumes) {
      throwIfAborted(signal);
      const last = this.#last(volume.name);
      if (last === undefined || last.inodes <= FEW_INODES) {
        await orAborted(this.#measure(volume), signal);
      } else if (!this.#rests(last)) {
        late.push(this.#inBackground(volume));
      }
    }
    if (late.length > 0) await this.#aMoment(late);
    // Each is known by now: whatever forgot it meanwhile gave it new content, or took it away.
    return volumes.map(({ name }) => this.#last(name) ?? NOTHING);
  }

  /** The content of a volume is another, or the volume is gone. */
  forget(name: string): void {
    this.#known.delete(name);
    this.#underWay.delete(name); // what that finds is not of the volume any more
    this.#deps.table.delete(name);
  }

  renamed(from: string, to: string): void {
    const last = this.#last(from);
    this.forget(from);
    if (last) this.#keep(to, last);
  }

  /** Resolves when nothing is added up any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#underWay.values(), ...this.#queued.values()]);
  }

  #last(name: string): MeasuredSize | undefined {
    const known = this.#known.get(name) ?? this.#deps.table.find(name);
    if (known) this.#known.set(name, known);
    return known;
  }

  #rests({ measuredAt, tookMs }: MeasuredSize): boolean {
    const since = this.#now() - measuredAt;
    return since >= 0 && since < tookMs * REST_FACTOR; // the clock of the host may be set back
  }

  /** Equal work under way is one. */
  async #measure(volume: Measured): Promise<void> {
    const { name } = volume;
    const running = this.#underWay.get(name);
    if (running) return void (await running);
    const work = this.#measureNow(volume);
    this.#underWay.set(name, work);
    try {
      const size = await work;
      if (this.#underWay.get(name) === work) this.#keep(name, size);
    } finally {
      if (this.#underWay.get(name) === work) this.#underWay.delete(name);
    }
  }

  async #measureNow({ mountpoint }: Measured): Promise<MeasuredSize> {
    const measuredAt = this.#now();
    const { sizeBytes, inodes } = await this.#deps.measure(mountpoint);
    return { sizeBytes, inodes, measuredAt, tookMs: Math.max(0, this.#now() - measuredAt) };
  }

  #keep(name: string, size: MeasuredSize): void {
    const wasLarge = (this.#known.get(name)?.inodes ?? 0) > FEW_INODES;
    this.#known.set(name, size);
    if (size.inodes > FEW_INODES) this.#deps.table.put(name, size);
    else if (wasLarge) this.#deps.table.delete(name);
  }

  /** One that waits already, or is under way, is joined. */
  #inBackground(volume: Measured): Promise<void> {
    const { name } = volume;
    const known = this.#queued.get(name);
    if (known) return known;
    const work = this.#one
      .run(() => this.#measure(volume))
      .catch((error: unknown) => {
        if (isKind(error, 'unavailable')) return; // the engine is shutting down
        this.#deps.logger.debug('a volume could not be added up', { volume: name, error });
      })
      .finally(() => this.#queued.delete(name));
    this.#queued.set(name, work);
    return work;
  }

  async #aMoment(work: readonly Promise<void>[]): Promise<void> {
    const elapsed = Promise.withResolvers<void>();
    const timer = setTimeout(elapsed.resolve, PATIENCE_MS);
    await Promise.race([Promise.all(work), elapsed.promise]);
    clearTimeout(timer);
  }
}

const NOTHING: MeasuredSize = { sizeBytes: 0, inodes: 0, measuredAt: 0, tookMs: 0 };
