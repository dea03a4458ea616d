import { createHash } from 'node:crypto';
import { type Abortable, sleep, throwIfAborted } from '#base/abortable';
import { isKind } from '#base/errors';
import { type BackOff, delayMs, PROGRESS_BYTES } from './back-off.ts';
import { wrongDigest } from './errors.ts';
import type { ContentDescriptor } from './repository.ts';

/**
 * The bytes of a blob, going on where the connection was cut. Whoever reads must not believe them before the end: only
 * there is it known that they are those of the digest.
 *
 * @param open the bytes from `offset` on, never more than the size
 * @throws {EngineError} `dataLoss`, `unavailable`, `cancelled`.
 */
export async function* provenBytes(
  descriptor: ContentDescriptor,
  open: (offset: number) => AsyncIterable<Buffer>,
  { backOff, signal }: Abortable & { readonly backOff: BackOff },
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const { size, digest } = descriptor;
  let received = 0;
  for (let failures = 0; received < size; ) {
    const before = received;
    try {
      for await (const chunk of open(received)) {
        hash.update(chunk);
        received += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throwIfAborted(signal);
      if (!isKind(error, 'unavailable')) throw error;
      failures = received - before >= PROGRESS_BYTES ? 1 : failures + 1;
      const delay = delayMs(backOff, failures);
      if (delay === undefined) throw error;
      await sleep(delay, signal ? { signal } : {});
    }
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== digest) throw wrongDigest(`blob ${digest}`, digest, actual);
}
