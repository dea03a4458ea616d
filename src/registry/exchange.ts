import type { RawRequest } from '#http/route';
import type { AccessControl, Caller, RepositoryAction } from './access-control.ts';
import { checkRepository } from './names.ts';

/** A request that was let in. */
export interface Exchange {
  readonly request: RawRequest;
  readonly repository: string;
  readonly caller: Caller;
}

/** The first value of a parameter. */
export function parameter({ query }: Pick<RawRequest, 'query'>, name: string): string | undefined {
  return query[name]?.[0];
}

/** @throws {RegistryError} `NAME_INVALID`, or what the access control says. */
export async function admitted(
  access: AccessControl,
  request: RawRequest,
  want: { readonly repository: string; readonly actions: readonly RepositoryAction[] },
): Promise<Exchange> {
  const repository = checkRepository(want.repository);
  const { headers, peer } = request;
  const caller = await access.admit(headers.authorization, { repository, actions: want.actions }, peer);
  return { request, repository, caller };
}
