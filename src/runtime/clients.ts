import { closeSync } from 'node:fs';
import { dupAbove, type OwnedFd } from '#sys/descriptors';
import { isAlive } from '#sys/process-handle';
import { refuseOutput } from '#sys/seqpacket';
import { clientsAccepted, connectAttach } from './attach-connection.ts';
import { openStreams } from './attached-streams.ts';
import type { ContainerRecords } from './container-records.ts';
import type { AttachedStreams, AttachOptions } from './process-runtime.ts';

/** Everyone who is attached to a container, by its bundle. */
export class Clients {
  readonly #records: ContainerRecords;
  /** since the bundle was last started */
  readonly #counts = new Map<string, number>();
  /** Connections without input that were left, see {@link attach}. */
  readonly #parked = new Map<string, number[]>();

  constructor(records: ContainerRecords) {
    this.#records = records;
  }

  /**
   * Connects a client. When one without input leaves a process with `closesStdin`, conmon would close the stdin: its
   * connection stays half open, refusing output, until the process has ended.
   */
  attach(bundle: string, { hasInput = true }: AttachOptions): AttachedStreams {
    const connection = connectAttach(bundle);
    this.#counts.set(bundle, (this.#counts.get(bundle) ?? 0) + 1);
    const closesStdin = this.#records.findByBundle(bundle)?.closesStdin === true;
    const park = !hasInput && closesStdin ? this.#parkLater(bundle, connection) : undefined;
    return openStreams(connection, {
      isAlive: () => this.#isAlive(bundle),
      ...(park && { onLeave: park }),
    });
  }

  /** Waits until everyone who attached before the start will get all output. */
  async ready(bundle: string): Promise<void> {
    const count = this.#counts.get(bundle) ?? 0;
    this.#counts.delete(bundle);
    if (count > 1) await clientsAccepted();
  }

  /** The process has ended. */
  release(bundle: string): void {
    for (const fd of this.#parked.get(bundle) ?? []) closeSync(fd);
    this.#parked.delete(bundle);
    this.#counts.delete(bundle);
  }

  #parkLater(bundle: string, connection: OwnedFd): (hasEnded: boolean) => void {
    const copy = dupAbove(connection.number, 0);
    return hasEnded => {
      if (hasEnded || !this.#isAlive(bundle)) {
        closeSync(copy);
        return;
      }
      refuseOutput(copy);
      this.#parked.set(bundle, [...(this.#parked.get(bundle) ?? []), copy]);
    };
  }

  #isAlive(bundle: string): boolean {
    const record = this.#records.findByBundle(bundle);
    return record !== undefined && (!record.process || isAlive(record.process));
  }
}
