import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '#base/ids';
import { checkSpace, SpaceCheck } from '#store/disk-space';
import { clientNetwork } from '#sys/address-guard';
import type { Caller } from './access-control.ts';
import type { Blobs } from './blobs.ts';
import { RegistryError } from './errors.ts';
import type { ReachFault } from './registry-faults.ts';
import type { Limits } from './registry-options.ts';
import { UploadFile } from './upload-file.ts';
import type { StoredUpload, UploadTable } from './upload-table.ts';

export interface UploadsDeps {
  readonly folder: string;
  readonly table: UploadTable;
  readonly blobs: Blobs;
  readonly limits: Pick<Limits, 'maxBlobBytes' | 'maxOpenUploads'>;
  readonly reach: ReachFault;
  readonly now: () => number;
}

/** Which upload is meant, and who asks. */
export interface UploadName {
  readonly id: string;
  readonly repository: string;
  readonly caller: Caller;
}

/** A part of a blob. */
export interface UploadBody {
  readonly chunks: (signal: AbortSignal) => AsyncIterable<Buffer>;
  /** where it says it begins and how much it is */
  readonly range?: { readonly first: number; readonly sizeBytes: number } | undefined;
}

interface Session {
  readonly file: UploadFile;
  /** of the request that is at it */
  turn: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Uploads of blobs: each a row, and a file once something came.
 *
 *   <folder>/<id>
 *
 * They live through the end of the registry: what is in the file counts. Only the hash of it is kept in memory.
 */
export class Uploads {
  readonly #deps: UploadsDeps;
  readonly #sessions = new Map<string, Session>();

  constructor(deps: UploadsDeps) {
    this.#deps = deps;
    mkdirSync(deps.folder, { recursive: true, mode: 0o700 });
  }

  /** Removes files whose upload ended while the registry was killed. For the start. */
  sweep(): void {
    const { folder, table } = this.#deps;
    for (const name of readdirSync(folder)) {
      if (!table.find(name)) rmSync(join(folder, name), { force: true, recursive: true });
    }
  }

  /**
   * @param address counts where there is no account
   * @throws {RegistryError} `TOOMANYREQUESTS`.
   */
  begin(repository: string, { account }: Caller, address: string): string {
    const { table, limits, reach, now } = this.#deps;
    const caller = account ?? `@${clientNetwork(address)}`; // no account has such a name
    const open = table.countOf(caller);
    if (open >= limits.maxOpenUploads) {
      throw new RegistryError('TOOMANYREQUESTS', `${open} uploads are open: finish or cancel some`);
    }
    const id = randomUUID();
    table.add({ id, repository, account }, { caller, now: now() });
    reach('upload.1-row');
    return id;
  }

  /** How much has come. @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`. */
  size(name: UploadName): number {
    return this.#session(this.#get(name)).file.size;
  }

  /**
   * Takes a part. @returns how much there is then.
   *
   * @throws {RegistryError} `RANGE_INVALID` (nothing is taken), `SIZE_INVALID`, `TOO_LARGE`, `NO_SPACE`; what came stays.
   */
  async append(name: UploadName, body: UploadBody): Promise<number> {
    const upload = this.#get(name);
    return await this.#inTurn(upload, async (file, signal) => {
      await this.#take(file, body, signal);
      this.#deps.table.touch(upload.id, this.#deps.now());
      return file.size;
    });
  }

  /**
   * Takes the last part, which may be empty, and makes all of it a blob of the repository. After a digest that is not the one of
   * what came there is nothing left of it.
   *
   * @throws {RegistryError} as {@link append}; `DIGEST_INVALID`.
   */
  async finish(name: UploadName, digest: Digest, body: UploadBody): Promise<void> {
    const upload = this.#get(name);
    await this.#inTurn(upload, async (file, signal) => {
      await this.#take(file, body, signal);
      const actual = await file.digest();
      if (actual !== digest) {
        await this.#drop(upload.id);
        throw new RegistryError('DIGEST_INVALID', `expected ${digest}, got ${actual}`, {
          detail: { digest, actual, sizeBytes: file.size },
        });
      }
      const { path, size } = file;
      try {
        await this.#deps.blobs.publish(upload.repository, { path, digest, sizeBytes: size }, () =>
          this.#settle(upload.id),
        );
      } finally {
        this.#sessions.delete(upload.id); // also when the file has moved, and the row was not written
      }
    });
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`. */
  async cancel(name: UploadName): Promise<void> {
    const upload = this.#get(name);
    await this.#inTurn(upload, async () => await this.#drop(upload.id));
  }

  /** For a repository that goes. One that is being finished finds that it is gone. */
  async dropAll(repository: string): Promise<void> {
    await Promise.all(this.#deps.table.idsOf(repository).map(id => this.#drop(id)));
  }

  /** Drops some that nobody has gone on with since before `before`. @returns how many. */
  async collect(before: number, limit: number): Promise<number> {
    const stale = this.#deps.table.stale(before, limit).filter(id => !this.#sessions.get(id)?.turn);
    for (const id of stale) await this.#drop(id);
    return stale.length;
  }

  /** An upload of somebody else, or of another repository, is none. */
  #get({ id, repository, caller }: UploadName): StoredUpload {
    const upload = UUID.test(id) ? this.#deps.table.find(id) : undefined;
    if (upload?.repository === repository && upload.account === caller.account) return upload;
    throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
  }

  #session({ id }: StoredUpload): Session {
    const known = this.#sessions.get(id);
    if (known) return known;
    const path = join(this.#deps.folder, id);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const session: Session = { file: new UploadFile({ path, size }), turn: undefined };
    this.#sessions.set(id, session);
    return session;
  }

  /**
   * One request at a time. The newest goes on: a client that comes again has lost the connection of the one before, which may
   * not have been told yet.
   */
  async #inTurn<T>(
    upload: StoredUpload,
    work: (file: UploadFile, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const session = this.#session(upload);
    while (session.turn) {
      session.turn.abort.abort();
      await session.turn.done;
    }
    if (this.#sessions.get(upload.id) !== session) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
    const abort = new AbortController();
    const done = Promise.withResolvers<void>();
    session.turn = { abort, done: done.promise };
    try {
      return await work(session.file, abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      throw new RegistryError('BLOB_UPLOAD_INVALID', 'another request goes on with this upload', {
        cause: error,
      });
    } finally {
      session.turn = undefined;
      done.resolve();
    }
  }

  async #take(file: UploadFile, { chunks, range }: UploadBody, signal: AbortSignal): Promise<void> {
    const before = file.size;
    if (range && range.first !== before) {
      throw new RegistryError('RANGE_INVALID', `the upload stands at ${before}, not at ${range.first}`);
    }
    const { maxBlobBytes } = this.#deps.limits;
    const space = new SpaceCheck(() => checkSpace(this.#deps.folder));
    let passed = before;
    await file.append(chunks(signal), sizeBytes => {
      if (range && sizeBytes - before > range.sizeBytes) throw wrongSize(range.sizeBytes, 'more');
      if (sizeBytes > maxBlobBytes) {
        throw new RegistryError('TOO_LARGE', `a blob may have at most ${maxBlobBytes} bytes here`);
      }
      space.passed(sizeBytes - passed);
      passed = sizeBytes;
    });
    this.#deps.reach('upload.2-taken');
    if (range && file.size - before !== range.sizeBytes) {
      throw wrongSize(range.sizeBytes, `${file.size - before}`);
    }
  }

  #settle(id: string): void {
    if (!this.#deps.table.find(id)) throw new RegistryError('BLOB_UPLOAD_UNKNOWN');
    this.#deps.table.delete(id);
  }

  /** The row is gone when this returns. */
  async #drop(id: string): Promise<void> {
    this.#deps.table.delete(id);
    this.#sessions.delete(id);
    await rm(join(this.#deps.folder, id), { force: true });
  }
}

function wrongSize(announced: number, came: string): RegistryError {
  return new RegistryError('SIZE_INVALID', `Content-Range announces ${announced} bytes, ${came} came`);
}
