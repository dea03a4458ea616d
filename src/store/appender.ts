import type { FileHandle } from 'node:fs/promises';
import { withoutSpace } from './disk-space.ts';

export interface AppenderOptions {
  /** small pieces are put together to so much before they are written; twice that is in memory at most */
  readonly writeBytes: number;
  /** the disk is set to work whenever so much was written, so that the last sync has little left to wait for */
  readonly syncBytes: number;
  /** told how many bytes are in the file, each time that some were written */
  readonly onWritten?: ((bytes: number) => void) | undefined;
}

/** Appends to a file: writes one piece while the next comes, and lets the disk work ahead of the last sync. */
export class Appender {
  readonly #handle: FileHandle;
  readonly #options: AppenderOptions;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #written = 0;
  #unsynced = 0;
  #isSyncing = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, options: AppenderOptions) {
    this.#handle = handle;
    this.#options = options;
  }

  /** One call at a time. @throws {EngineError} `unavailable` for a full disk, maybe for an earlier piece. */
  async write(bytes: Buffer): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes < this.#options.writeBytes) return;
    await this.#writing;
    this.#writing = this.#writePending();
    this.#writing.catch(() => undefined); // told by whoever waits for it
  }

  /** Resolves when all is in the file. @throws as {@link write}. */
  async end(): Promise<void> {
    await this.#writing;
    await this.#writePending();
  }

  /** Resolves when nothing is being written any more, whatever came of it. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing]);
  }

  async #writePending(): Promise<void> {
    let buffers = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    while (buffers.length > 0) {
      const { bytesWritten } = await this.#handle.writev(buffers).catch((error: unknown) => {
        throw withoutSpace(error);
      });
      buffers = after(buffers, bytesWritten);
      this.#written += bytesWritten;
      this.#unsynced += bytesWritten;
    }
    this.#options.onWritten?.(this.#written);
    if (this.#unsynced >= this.#options.syncBytes && !this.#isSyncing) this.#syncAhead();
  }

  #syncAhead(): void {
    this.#unsynced = 0;
    this.#isSyncing = true;
    this.#handle
      .datasync()
      .catch(() => undefined) // the last sync fails as well
      .finally(() => {
        this.#isSyncing = false;
      });
  }
}

/** What is left of `buffers` after `count` bytes. */
function after(buffers: readonly Buffer[], count: number): Buffer[] {
  let skip = count;
  return buffers.flatMap(buffer => {
    const taken = Math.min(skip, buffer.length);
    skip -= taken;
    return taken === buffer.length ? [] : [buffer.subarray(taken)];
  });
}
