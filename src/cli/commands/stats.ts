import { setInterval as every } from 'node:timers/promises';
import { Semaphore } from '#base/semaphore';
import { isStatus } from '#client/api-error';
import { type Json, listAt, textAt, textsAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { explain } from '../error-report.ts';
import { formatHelp } from '../format/format-help.ts';
import { renderRows } from '../format/row-writer.ts';
import { statsListing, statsRow } from '../format/stats-row.ts';

const AT_ONCE = 128;
const REFRESH_MS = 500;
/** Cursor home; clear to the end of the line; clear to the end of the screen. */
const HOME = '\u001b[H';
const CLEAR_LINE = ' \u001b[K';
const CLEAR_BELOW = '\u001b[J';

interface Watched {
  /** as it was named, or the start of its ID */
  readonly container: string;
  readonly id: string;
  readonly name: string;
  stats?: Json;
  error?: unknown;
}

interface StatsOptions {
  readonly format: string;
  readonly truncate: boolean;
  readonly showsAll: boolean;
}

export const stats = command({
  usage: 'stats [OPTIONS] [CONTAINER...]',
  summary: 'Display a live stream of container(s) resource usage statistics',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
    format: { type: 'string', help: formatHelp },
    'no-stream': { type: 'bool', help: 'Disable streaming stats and only pull the first result' },
    'no-trunc': { type: 'bool', help: 'Do not truncate output' },
  },
  args: { min: 0 },
  async run(context, { flags, args }) {
    const options = { format: flags.format, truncate: !flags['no-trunc'], showsAll: flags.all };
    const named = args.map(name => ({ container: name, id: '', name: '' }));
    if (flags['no-stream']) {
      const watched = named.length > 0 ? named : await listed(context, flags.all);
      return await showOnce(context, watched, { ...options, mustAllBeThere: named.length > 0 });
    }
    return await new LiveTable(context, options).run(named);
  },
});

async function listed({ client }: CliContext, all: boolean): Promise<Watched[]> {
  const list = await client.call('GET', '/containers/json', { query: { all: all || undefined } });
  return listAt(list).map(one => ({
    container: textAt(one, 'Id').slice(0, 12),
    id: textAt(one, 'Id'),
    name: textsAt(one, 'Names')[0] ?? '',
  }));
}

async function showOnce(
  context: CliContext,
  watched: Watched[],
  options: StatsOptions & { readonly mustAllBeThere: boolean },
): Promise<number> {
  const slots = new Semaphore(AT_ONCE);
  const ask = async (one: Watched): Promise<void> => {
    try {
      one.stats = await context.client.call('GET', pathOf(one), { query: { stream: '0' } });
    } catch (error) {
      one.error = error;
    }
  };
  await Promise.all(watched.map(one => slots.run(() => ask(one))));
  // One of the list that is gone by now is not missed.
  const failed = watched.filter(
    ({ error }) => error !== undefined && (options.mustAllBeThere || !isStatus(error, 404)),
  );
  if (failed.length > 0) throw new CliError(failed.map(({ error }) => explain(error)).join('\n'));
  context.stdout.write(
    await table(
      watched.filter(one => one.stats !== undefined),
      options,
    ),
  );
  return 0;
}

async function table(watched: readonly Watched[], { format, truncate }: StatsOptions): Promise<string> {
  const rows = watched.map(one => statsRow(one, one.stats, { truncate }));
  return await renderRows(rows, statsListing, { format, quiet: false });
}

/** Follows each container by a stream of its own, and shows twice a second what came last. */
class LiveTable {
  readonly #context: CliContext;
  readonly #options: StatsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #over = new AbortController();
  #failure: Error | undefined;

  constructor(context: CliContext, options: StatsOptions) {
    this.#context = context;
    this.#options = options;
  }

  async run(named: readonly Watched[]): Promise<number> {
    const isOpen = named.length === 0;
    if (isOpen) this.#followEvents();
    for (const one of isOpen ? await listed(this.#context, this.#options.showsAll) : named) this.#add(one);
    try {
      for await (const _ of every(REFRESH_MS)) {
        if (this.#failure) throw this.#failure;
        if (!isOpen && this.#watched.size === 0) return 0;
        await this.#show();
      }
      return 0;
    } finally {
      this.#over.abort();
    }
  }

  #fail(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
  }

  async #show(): Promise<void> {
    const text = await table([...this.#watched.values()], this.#options);
    const lines = text.split('\n').map(line => `${line}${CLEAR_LINE}\n`);
    this.#context.stdout.write(`${HOME}${lines.join('')}${CLEAR_BELOW}`);
  }

  #add(one: Watched): void {
    const key = one.id || one.container;
    if (this.#watched.has(key)) return;
    this.#watched.set(key, one);
    this.#follow(key, one).catch((error: unknown) => {
      const isGone = one.id !== '' && isStatus(error, 404);
      if (!isGone) this.#fail(error);
    });
  }

  async #follow(key: string, one: Watched): Promise<void> {
    const { client } = this.#context;
    const options = { query: { stream: '1' }, signal: this.#over.signal };
    for await (const stats of client.lines('GET', pathOf(one), options)) {
      if (this.#watched.get(key) !== one) return;
      one.stats = stats;
    }
    this.#watched.delete(key);
  }

  /** Those that start are added; those that end go, unless all are shown. */
  #followEvents(): void {
    const follow = async (): Promise<void> => {
      const { client } = this.#context;
      const query = { filters: JSON.stringify({ type: { container: true } }) };
      for await (const event of client.lines('GET', '/events', { query, signal: this.#over.signal })) {
        const id = textAt(event, 'Actor', 'ID');
        const action = textAt(event, 'Action');
        const isShown = action === 'start' || (action === 'create' && this.#options.showsAll);
        const isGone = action === 'destroy' || (action === 'die' && !this.#options.showsAll);
        if (isShown)
          this.#add({ container: id.slice(0, 12), id, name: textAt(event, 'Actor', 'Attributes', 'name') });
        if (isGone) this.#watched.delete(id);
      }
    };
    follow().catch((error: unknown) => {
      this.#fail(error);
    });
  }
}

function pathOf({ id, container }: Watched): string {
  return `/containers/${encodeURIComponent(id || container)}/stats`;
}
