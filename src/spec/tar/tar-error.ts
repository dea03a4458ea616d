import { EngineError } from '#base/errors';

/** An archive that is broken, cut or beyond a limit. */
export function tarError(message: string): EngineError {
  return new EngineError('invalid', `invalid tar archive: ${message}`);
}
