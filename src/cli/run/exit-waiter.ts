import type { ApiClient } from '#client/api-client';
import { numberAt, parseJson, textAt } from '#client/json';
import { EngineLostError } from '../cli-error.ts';

export interface ExitWaiter {
  /** Resolves when the container has ended. @throws {EngineLostError} when the engine went away before that. */
  readonly status: Promise<number>;
}

/**
 * Asks for the status a container ends with. Resolves when the engine has taken the question (its reply's head has come):
 * from then on no end is missed.
 */
export async function waitForExit(
  client: Pick<ApiClient, 'stream'>,
  container: string,
  condition: 'next-exit' | 'removed' | 'not-running',
): Promise<ExitWaiter> {
  const { body } = await client.stream('POST', `/containers/${container}/wait`, { query: { condition } });
  const status = readStatus(body, container);
  status.catch(() => undefined); // whoever needs it awaits it
  return { status };
}

async function readStatus(body: AsyncIterable<Uint8Array>, container: string): Promise<number> {
  const text = await readAll(body).catch((cause: unknown) => {
    throw new EngineLostError(container, { cause });
  });
  if (text === '') throw new EngineLostError(container); // it had the time to say nothing at all
  const reply = parseJson(text);
  const failure = textAt(reply, 'Error', 'Message');
  if (failure) throw new Error(`error waiting for container: ${failure}`);
  return numberAt(reply, 'StatusCode');
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
