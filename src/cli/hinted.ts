import { ApiError } from '#client/api-error';
import { CliError, StreamedError } from './cli-error.ts';

/** @throws the error of `work`, with another line where `hintFor` knows what helps. */
export async function hinted<T>(
  work: () => Promise<T>,
  hintFor: (message: string) => string | undefined | Promise<string | undefined>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const hint = cause instanceof Error ? await hintFor(cause.message) : undefined;
    if (!(cause instanceof Error) || hint === undefined) throw cause;
    const text = `${cause.message}\n${hint}`;
    if (cause instanceof ApiError) throw new ApiError(cause.status, text);
    if (cause instanceof StreamedError) throw new StreamedError(text, cause.status, { cause });
    throw new CliError(text, cause instanceof CliError ? cause.status : 1, { cause });
  }
}
