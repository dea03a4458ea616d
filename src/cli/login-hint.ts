import { hinted } from './hinted.ts';

/**
 * @param isAnonymous whether it goes without credentials, so that what is denied may be allowed with some
 * @throws the error of `work`, with the command that logs in where a registry wanted credentials and had none.
 */
export async function withLoginHint<T>(
  registry: string,
  work: () => Promise<T>,
  { isAnonymous = false }: { readonly isAnonymous?: boolean } = {},
): Promise<T> {
  return await hinted(work, message => {
    const wantsSome = message.includes('no basic auth credentials');
    return wantsSome || (isAnonymous && /^(?:denied|unauthorized)\b/.test(message))
      ? `The registry wants to know who asks: ${loginTo(registry)}`
      : undefined;
  });
}

export function loginTo(registry: string): string {
  return registry === 'docker.io' ? 'quai login' : `quai login ${registry}`;
}
