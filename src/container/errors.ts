import { EngineError } from '#base/errors';

/** Docker's wording throughout: its clients and the scripts around them match on it. */
export function containerNotFound(reference: string): EngineError {
  return new EngineError('notFound', `No such container: ${reference}`);
}

export function ambiguousContainer(reference: string): EngineError {
  return new EngineError('invalid', `multiple IDs found with provided prefix: ${reference}`);
}

export function nameInUse(name: string, ownerId: string): EngineError {
  return new EngineError(
    'conflict',
    `Conflict. The container name "/${name}" is already in use by container "${ownerId}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}

export function execNotFound(id: string): EngineError {
  return new EngineError('notFound', `No such exec instance: ${id}`);
}
