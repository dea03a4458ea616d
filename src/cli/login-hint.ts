import { ApiError } from '#client/api-error';
import { CliError, StreamedError } from './cli-error.ts';

/** @throws the error of `work`, with the command that logs in where a registry wanted credentials and had none. */
export async function withLoginHint<T>(registry: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const isRefusal = cause instanceof Error && cause.message.includes('no basic auth credentials');
    if (!isRefusal) throw cause;
    const login = registry === 'docker.io' ? 'quai login' : `quai login ${registry}`;
    const text = `${cause.message}\nThe registry wants to know who asks: ${login}`;
    if (cause instanceof ApiError) throw new ApiError(cause.status, text);
    if (cause instanceof StreamedError) throw new StreamedError(text, cause.status, { cause });
    throw new CliError(text, cause instanceof CliError ? cause.status : 1, { cause });
  }
}
