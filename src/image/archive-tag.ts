import { EngineError } from '#base/errors';
import { parseReference, type Reference } from '#spec/reference';

/** @throws {EngineError} `invalid` for a name that is none, or one with a digest. */
export function parseTag(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag === undefined || reference.digest !== undefined) {
    throw new EngineError('invalid', `invalid tag ${JSON.stringify(text)}`);
  }
  return reference;
}
