import { signalProcess, watchProcess } from '#sys/process-handle';
import { WorkingDirectories } from '#sys/working-directories';
import type { ContainerRecord } from './container-records.ts';
import { isChildOf, sweepExecs } from './exec-sweep.ts';
import type { RuntimeContext } from './runtime-context.ts';

const SIGKILL = 9;

/**
 * Watches the conmons. One that ends has written the exit code; one that was killed has not, and then its container
 * is ended too: its output goes nowhere, and nobody would ever learn how it ended.
 */
export class Supervisors implements Disposable {
  readonly #context: RuntimeContext;
  readonly #watches: Disposable[] = [];
  readonly #directories = new WorkingDirectories();
  #isDisposed = false;

  constructor(context: RuntimeContext) {
    this.#context = context;
  }

  /** A conmon of ours. */
  own({ id }: ContainerRecord, exited: Promise<unknown>): void {
    void exited.then(() => this.#ended(id));
  }

  /** The conmons of a container of the engine before us. */
  adopt(record: ContainerRecord): void {
    const { id, supervisor } = this.#identified(record);
    this.#watches.push(...sweepExecs(record, this.#directories));
    if (supervisor) this.#watches.push(watchProcess(supervisor, () => this.#ended(id)));
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const watch of this.#watches) watch[Symbol.dispose]();
  }

  /** The engine before us may have been killed after it had started a conmon, and before it had noted down which. */
  #identified(record: ContainerRecord): ContainerRecord {
    if (record.supervisor || record.isOver) return record;
    const found = this.#directories.processesIn(record.bundle);
    const supervisor = found.find(each => !isChildOf(each, found));
    if (!supervisor) return record;
    const known = { ...record, supervisor };
    this.#context.records.put(known);
    return known;
  }

  #ended(id: string): void {
    const { exits, records, logger } = this.#context;
    const record = records.find(id);
    // It never came to life, was reported already, or is removed.
    if (this.#isDisposed || !record?.process || record.isOver) return;
    if (!exits.find(id)) {
      logger.warn('a container lost its supervisor and was ended', { container: id });
      signalProcess(record.process, SIGKILL);
      exits.write(id, 128 + SIGKILL);
    }
    exits.check(id);
  }
}
