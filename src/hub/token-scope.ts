import type { RepositoryAction } from '#registry/access-control';

export interface WantedScope {
  readonly repository: string;
  readonly actions: readonly RepositoryAction[];
}

/** What is granted has to fit into a token, and that into a header. */
const MOST_SCOPES = 30;
const MAX_LENGTH = 320;
const ALL: readonly RepositoryAction[] = ['pull', 'push', 'delete'];

/**
 * `repository:alice/app:pull,push`, several separated by spaces, by the distribution project's token scope documentation. What
 * is about something else than repositories, or is no scope at all, asks for nothing and gets nothing.
 */
export function parseScopes(texts: readonly string[]): WantedScope[] {
  const scopes = texts.flatMap(text => text.split(' ')).slice(0, MOST_SCOPES);
  const wanted = new Map<string, Set<RepositoryAction>>();
  for (const scope of scopes) {
    if (scope.length > MAX_LENGTH) continue;
    // The name may hold colons: the actions come after the last one.
    const [, type = '', repository = '', list = ''] = /^([^:]+):(.+):([^:]*)$/.exec(scope) ?? [];
    if (!/^repository(?:\([a-z]+\))?$/.test(type)) continue;
    const asked = list.split(',');
    const actions = ALL.filter(action => asked.includes(action) || asked.includes('*'));
    const known = wanted.get(repository) ?? new Set();
    for (const action of actions) known.add(action);
    wanted.set(repository, known);
  }
  return [...wanted].map(([repository, actions]) => ({
    repository,
    actions: ALL.filter(action => actions.has(action)),
  }));
}

export function scopeText({ repository, actions }: WantedScope): string {
  return `repository:${repository}:${actions.join(',')}`;
}
