import { EngineError } from '#base/errors';
import { type Digest, shortId } from '#base/ids';
import { formatPlatform, type Platform } from '#spec/oci/platform';
import { familiarReference, tryParseReference } from '#spec/reference';

/** Docker's wording: clients pull when they see it. */
export function imageNotFound(reference: string): EngineError {
  const parsed = tryParseReference(reference);
  return new EngineError('notFound', `No such image: ${parsed ? familiarReference(parsed) : reference}`);
}

/** Docker's wording. @throws {EngineError} `invalid` unless a configuration knows each of the layers. */
export function checkLayerCount(expected: number, actual: number): void {
  if (expected === actual) return;
  throw new EngineError(
    'invalid',
    `invalid manifest, layers length mismatch: expected ${expected}, got ${actual}`,
  );
}

/** Docker's wording (daemon/containerd/image.go). */
export function platformNotFound(reference: string, platform: Platform): EngineError {
  return new EngineError(
    'notFound',
    `image with reference ${reference} was found but does not provide the specified platform (${formatPlatform(platform)})`,
  );
}

/** Docker's wording. */
export function platformMismatch(reference: string, own: string, wanted: string): EngineError {
  return new EngineError(
    'notFound',
    `image with reference ${reference} was found but its platform (${own}) does not match the specified platform (${wanted})`,
  );
}

/** Docker's wording (daemon/images/image_delete.go). */
export function nameInUse(reference: string, container: string, id: Digest): EngineError {
  return new EngineError(
    'conflict',
    `conflict: unable to remove repository reference "${reference}" (must force) - container ${shortId(container)} ` +
      `is using its referenced image ${shortId(id)}`,
  );
}

/** Docker's wording. `isHard`: not even force helps. */
export function imageInUse(
  id: Digest,
  reason: string,
  { isHard }: { readonly isHard: boolean },
): EngineError {
  const advice = isHard ? 'cannot be forced' : 'must be forced';
  return new EngineError('conflict', `conflict: unable to delete ${shortId(id)} (${advice}) - ${reason}`);
}
