import type { ApiClient } from '#client/api-client';
import { isStatus } from '#client/api-error';
import { numberAt, parseJson, textAt } from '#client/json';

/** What an engine tells of a path in a container, or in a volume. */
export interface PathStat {
  readonly isDirectory: boolean;
  readonly isLink: boolean;
  readonly linkTarget: string;
}

/** bits of Go's `os.FileMode` */
const DIRECTORY = 2 ** 31;
const LINK = 2 ** 27;

/** @param route of the archives of a container or volume @returns undefined for what is not there. */
export async function statAt(client: ApiClient, route: string, path: string): Promise<PathStat | undefined> {
  try {
    const { headers } = await client.stream('HEAD', route, { query: { path } });
    return statIn(headers);
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

export function statIn(headers: Readonly<Record<string, string | readonly string[] | undefined>>): PathStat {
  const value = String(headers['x-docker-container-path-stat'] ?? '');
  const stat = parseJson(Buffer.from(value, 'base64').toString('utf8') || '{}');
  const mode = numberAt(stat, 'mode');
  return {
    isDirectory: mode >= DIRECTORY,
    isLink: Math.floor(mode / LINK) % 2 === 1,
    linkTarget: textAt(stat, 'linkTarget'),
  };
}
