import { parseName } from '#spec/reference';
import type { CliContext } from './context.ts';
import { authHeader } from './credentials/auth-header.ts';
import { withLoginHint } from './login-hint.ts';

const SCHEME = 'oci://';

/** `oci://host/repository:tag` without its beginning; `undefined` for what is no place at a registry. */
export function artifactName(place: string): string | undefined {
  return place.startsWith(SCHEME) ? place.slice(SCHEME.length) : undefined;
}

/** What the engine needs to ask the registry of `name` for us, and how to say what is missing. @throws for a bad name. */
export async function registryAccess(
  context: CliContext,
  name: string,
): Promise<{
  readonly headers: Readonly<Record<string, string>>;
  readonly ask: <T>(work: () => Promise<T>) => Promise<T>;
}> {
  const { domain } = parseName(name);
  return { headers: await authHeader(context, domain), ask: work => withLoginHint(domain, work) };
}
