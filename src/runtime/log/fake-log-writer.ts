import { closeSync, openSync, renameSync, writeSync } from 'node:fs';

/** One record, as tests know it. */
export interface FakeRecord {
  readonly stream: 'stdout' | 'stderr';
  /** nanoseconds since 1970 */
  readonly atNanos: bigint;
  readonly isFull: boolean;
  readonly text: string;
}

/** Stands for conmon: appends records to a file, and begins a new one when it is told to, exactly as conmon does. */
export class FakeLogWriter implements Disposable {
  readonly #path: string;
  #fd: number;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'a', 0o600);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  write(...records: readonly FakeRecord[]): void {
    this.writeRaw(records.map(record => formatRecord(record)).join(''));
  }

  /** Anything, such as half a record. */
  writeRaw(text: string): void {
    writeSync(this.#fd, text);
  }

  /** Closes the file first, then lets the new one appear whole. */
  reopen(): void {
    closeSync(this.#fd);
    this.#fd = openSync(`${this.#path}.tmp`, 'w', 0o600);
    renameSync(`${this.#path}.tmp`, this.#path);
  }
}

/** @param zoneMinutes the writer's time zone: the moment stays the same */
export function formatRecord({ stream, atNanos, isFull, text }: FakeRecord, zoneMinutes = 0): string {
  const local = new Date(Number(atNanos / 1_000_000n) + zoneMinutes * 60_000);
  const fraction = (atNanos % 1_000_000_000n).toString().padStart(9, '0');
  const minutes = Math.abs(zoneMinutes);
  const zone = [Math.floor(minutes / 60), minutes % 60].map(part => part.toString().padStart(2, '0'));
  const sign = zoneMinutes < 0 ? '-' : '+';
  const second = local.toISOString().slice(0, 19);
  return `${second}.${fraction}${sign}${zone.join(':')} ${stream} ${isFull ? 'F' : 'P'} ${text}\n`;
}
