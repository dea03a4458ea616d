import type { ApiClient } from '#client/api-client';
import { numberAt, parseJson, textAt } from '#client/json';

export interface ExitWaiter {
  /** Resolves when the container has ended; 125 when the engine could not tell. */
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
  const status = readStatus(body);
  status.catch(() => undefined); // whoever needs it awaits it
  return { status };
}

async function readStatus(body: AsyncIterable<Uint8Array>): Promise<number> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const reply = parseJson(Buffer.concat(chunks).toString());
  const failure = textAt(reply, 'Error', 'Message');
  if (failure) throw new Error(`error waiting for container: ${failure}`);
  return numberAt(reply, 'StatusCode');
}
