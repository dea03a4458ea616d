import { EngineError } from '#base/errors';
import { familiarName, parseReference, type Reference } from '#spec/reference';

/** What an image can be called. @throws {EngineError} `invalid` with Docker's wording. */
export function taggable(text: string): Reference {
  const reference = parseReference(text);
  if (reference.digest !== undefined) {
    throw new EngineError('invalid', 'refusing to create a tag with a digest reference');
  }
  if (familiarName(reference) === 'sha256') {
    throw new EngineError('invalid', 'refusing to create an ambiguous tag using digest algorithm as name');
  }
  return reference;
}
