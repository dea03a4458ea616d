import { EngineError } from '#base/errors';

export function signInFirst(what: string): EngineError {
  return new EngineError('unauthorized', `sign in to ${what}`);
}

/** Docker Hub's words, which clients show as they are; the same whether the name or the password is wrong. */
export function wrongPassword(): EngineError {
  return new EngineError('unauthorized', 'incorrect username or password');
}

export function accountNotFound(name: string): EngineError {
  return new EngineError('notFound', `no such account: ${name}`);
}

export function organizationNotFound(name: string): EngineError {
  return new EngineError('notFound', `no such organization: ${name}`);
}

export function teamNotFound(organization: string, team: string): EngineError {
  return new EngineError('notFound', `no such team: ${organization}/${team}`);
}

/** Also for a private one that the viewer may not see: nobody can tell one from the other. */
export function repositoryNotFound(name: string): EngineError {
  return new EngineError('notFound', `no such repository: ${name}`);
}

export function forbidden(message: string): EngineError {
  return new EngineError('forbidden', message);
}

export function invalid(message: string): EngineError {
  return new EngineError('invalid', message);
}

export function conflict(message: string): EngineError {
  return new EngineError('conflict', message);
}
