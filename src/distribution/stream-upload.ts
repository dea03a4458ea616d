import { createHash } from 'node:crypto';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import type { StreamedBlob } from './repository.ts';
import { type UploadDeps, UploadSession } from './upload-session.ts';

/** What is kept in memory until the registry has it: after a cut it is sent again from where the registry stands. */
const PART_BYTES = 8 * 1024 * 1024;
/** Uploads from the beginning, where the registry has lost what it had taken. */
const MOST_BEGINNINGS = 3;
const CANCEL_MS = 10_000;

/**
 * Sends a blob while it is made: its size and digest are known at its end, and nothing of it is kept on disk. It goes in parts, so
 * that a cut connection costs a part and not the whole. Registries that give an upload up when it is cut in the middle of a part
 * (distribution does) get it from the beginning, made anew.
 */
export class StreamUpload {
  readonly #deps: UploadDeps;
  readonly #session: UploadSession;
  readonly #partBytes: number;

  constructor(deps: UploadDeps & { readonly partBytes?: number }) {
    this.#deps = deps;
    this.#session = new UploadSession(deps);
    this.#partBytes = deps.partBytes ?? PART_BYTES;
  }

  /**
   * @param make may be called again: the bytes need not be the same then
   * @throws {EngineError} what the registry says; `unavailable` when it loses what it has taken again and again.
   */
  async run(make: () => AsyncIterable<Buffer>, { signal }: Abortable = {}): Promise<StreamedBlob> {
    for (let beginnings = 1; ; beginnings += 1) {
      try {
        return await this.#attempt(make(), signal);
      } catch (error) {
        if (!(error instanceof LostUploadError)) throw error;
        if (beginnings >= MOST_BEGINNINGS) throw lost(error.cause);
        this.#deps.logger.info('the registry has lost an upload, which begins again', { beginnings, error });
      }
    }
  }

  async #attempt(bytes: AsyncIterable<Buffer>, signal: AbortSignal | undefined): Promise<StreamedBlob> {
    const hash = createHash('sha256');
    let size = 0;
    let place = await this.#session.begin(signal);
    try {
      for await (const { part, isLast } of partsOf(bytes, this.#partBytes)) {
        hash.update(part);
        const isPlaced = !(isLast && size === 0);
        place = await this.#send(place, { part, offset: size, isPlaced }, signal);
        size += part.length;
      }
      const digest: Digest = `sha256:${hash.digest('hex')}`;
      await this.#session.finish(place, digest, signal);
      return { digest, size };
    } catch (error) {
      await this.#session.cancel(place, AbortSignal.timeout(CANCEL_MS)).catch(() => undefined); // it is swept there anyway
      throw error;
    }
  }

  /** @returns where the next part goes. */
  async #send(
    first: URL,
    {
      part,
      offset,
      isPlaced,
    }: { readonly part: Buffer; readonly offset: number; readonly isPlaced: boolean },
    signal: AbortSignal | undefined,
  ): Promise<URL> {
    let place = first;
    let sent = 0;
    for (let failures = 0; sent < part.length; ) {
      const rest = part.subarray(sent);
      try {
        return await this.#session.patch(
          place,
          { offset: offset + sent, length: rest.length, body: () => rest, isPlaced: isPlaced || sent > 0 },
          signal,
        );
      } catch (error) {
        failures += 1;
        const delay = await this.#session.pause(error, failures, signal);
        const standing = await this.#session.standing(place, signal);
        const received = (standing?.receivedBytes ?? -1) - offset; // what came before this part is not here any more
        if (!standing || received < 0 || received > part.length)
          throw new LostUploadError('', { cause: error });
        place = standing.place;
        sent = received;
        this.#deps.logger.debug('an upload goes on', { sent: offset + sent, delay, error });
      }
    }
    return place;
  }
}

/** Equal parts and a last one, which is empty when there is nothing at all. */
async function* partsOf(
  bytes: AsyncIterable<Buffer>,
  partBytes: number,
): AsyncGenerator<{ readonly part: Buffer; readonly isLast: boolean }> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    // Only when more is there is it known that this part is not the last.
    if (length >= partBytes) {
      yield { part: Buffer.concat(chunks), isLast: false };
      chunks = [];
      length = 0;
    }
    chunks.push(chunk);
    length += chunk.length;
  }
  yield { part: Buffer.concat(chunks), isLast: true };
}

class LostUploadError extends Error {}

function lost(cause: unknown): EngineError {
  return new EngineError(
    'unavailable',
    `the registry has lost an upload that was under way, ${MOST_BEGINNINGS} times: the connection to it is too bad`,
    { cause },
  );
}
