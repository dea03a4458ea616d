import { hinted } from './hinted.ts';

/** @throws the error of `work`, with the command that logs in where a registry wanted credentials and had none. */
export async function withLoginHint<T>(registry: string, work: () => Promise<T>): Promise<T> {
  return await hinted(work, message =>
    message.includes('no basic auth credentials')
      ? `The registry wants to know who asks: ${loginTo(registry)}`
      : undefined,
  );
}

export function loginTo(registry: string): string {
  return registry === 'docker.io' ? 'quai login' : `quai login ${registry}`;
}
