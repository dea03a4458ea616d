import { ApiError } from '#client/api-error';
import { listAt, numberAt, textAt } from '#client/json';
import type { CliContext } from '../context.ts';
import { humanDuration, humanSize } from './human.ts';
import type { Row } from './row.ts';
import type { Listing } from './row-writer.ts';
import { volumeListing } from './volume-row.ts';

export const sizeListing: Listing = { ...volumeListing, columns: ['Driver', 'Name', 'Size'] };

/** What was true so long ago is shown without a word about it. */
const RECENT_MS = 2000;

/** How much each volume has, as the engine knows it; another engine adds up all at once. */
export async function sizesOf({ client, now }: CliContext): Promise<ReadonlyMap<string, string>> {
  try {
    const sizes = listAt(await client.call('GET', '/quai/volume-sizes'), 'Sizes');
    return new Map(
      sizes.map(one => {
        const ageMs = now() - Date.parse(textAt(one, 'MeasuredAt'));
        const age = ageMs > RECENT_MS ? ` (${humanDuration(ageMs)} ago)` : '';
        return [textAt(one, 'Name'), humanSize(numberAt(one, 'Size')) + age];
      }),
    );
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const usage = await client.call('GET', '/system/df', { query: { type: 'volume' } });
    const known = listAt(usage, 'Volumes').filter(one => numberAt(one, 'UsageData', 'Size') >= 0);
    return new Map(known.map(one => [textAt(one, 'Name'), humanSize(numberAt(one, 'UsageData', 'Size'))]));
  }
}

export function withSize(row: Row, sizes: ReadonlyMap<string, string>): Row {
  const { Name: name } = row;
  return { ...row, Size: (typeof name === 'string' ? sizes.get(name) : undefined) ?? 'N/A' };
}
