import { flagAt, type Json, listAt, numberAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { formatHelp } from '../format/format-help.ts';
import { humanDuration, localTime } from '../format/human.ts';
import type { Row } from '../format/row.ts';
import { type Listing, renderRows } from '../format/row-writer.ts';
import { artifactName, registryAccess } from '../volume-artifact.ts';
import { PAUSE, pathOf } from './volume-path.ts';

const listing: Listing = {
  headers: {
    ID: 'ID',
    Volume: 'VOLUME',
    Schedule: 'SCHEDULE',
    Target: 'TARGET',
    Keep: 'KEEP',
    Pause: 'PAUSE',
    NextRun: 'NEXT RUN',
    LastRun: 'LAST RUN',
    LastError: 'LAST ERROR',
  },
  columns: ['ID', 'Volume', 'Schedule', 'Target', 'NextRun', 'LastRun', 'LastError'],
  quietField: 'ID',
};

export const schedule = command({
  usage: 'volume schedule [OPTIONS] [VOLUME [SCHEDULE DIRECTORY|oci://HOST/REPOSITORY[:TAG]]]',
  summary: 'Back up a volume by itself: "0 3 * * *" or @daily; without one, list what there is',
  flags: {
    format: { type: 'string', help: formatHelp },
    keep: { type: 'int', help: 'Keep this many backups of the volume there, and remove older ones' },
    pause: PAUSE,
    quiet: { type: 'bool', short: 'q', help: 'Only display IDs' },
    remove: { type: 'string', help: 'Remove the schedule with this ID' },
  },
  args: { min: 0, max: 3 },
  async run(context, { flags, args: [volume, cron, place] }) {
    const { client, print, stdout, now } = context;
    if (flags.remove) {
      const id = encodeURIComponent(flags.remove);
      const path = volume === undefined ? `/quai/volume-schedules/${id}` : pathOf(volume, `schedules/${id}`);
      await client.call('DELETE', path);
      print(flags.remove);
    } else if (volume === undefined || cron === undefined) {
      const path = volume === undefined ? '/quai/volume-schedules' : pathOf(volume, 'schedules');
      const rows = listAt(await client.call('GET', path), 'Schedules').map(json => scheduleRow(json, now()));
      stdout.write(await renderRows(rows, listing, flags));
    } else {
      const wish = { Schedule: cron, Keep: flags.keep ?? 0, Pause: flags.pause };
      print(textAt(await add(context, volume, place, wish), 'ID'));
    }
    return 0;
  },
});

async function add(
  context: CliContext,
  volume: string,
  place: string | undefined,
  wish: object,
): Promise<Json> {
  if (place === undefined) {
    throw new CliError(
      'where are the backups to go? A directory of the engine\u2019s host, or oci://HOST/REPOSITORY, is wanted',
    );
  }
  const path = pathOf(volume, 'schedules');
  const artifact = artifactName(place);
  if (artifact === undefined) {
    return await context.client.call('POST', path, { body: { ...wish, Directory: place } });
  }
  const { headers } = await registryAccess(context, artifact);
  return await context.client.call('POST', path, { body: { ...wish, Artifact: artifact }, headers });
}

function scheduleRow(json: Json, now: number): Row {
  const nextRun = Date.parse(textAt(json, 'NextRun'));
  const lastRun = Date.parse(textAt(json, 'LastRun'));
  const artifact = textAt(json, 'Artifact');
  return {
    ID: textAt(json, 'ID'),
    Volume: textAt(json, 'Volume'),
    Schedule: textAt(json, 'Schedule'),
    Target: artifact === '' ? textAt(json, 'Directory') : `oci://${artifact}`,
    Keep: String(numberAt(json, 'Keep') || 'all'),
    Pause: String(flagAt(json, 'Pause')),
    NextRun: Number.isNaN(nextRun) ? '' : fromNow(nextRun - now),
    NextRunAt: Number.isNaN(nextRun) ? '' : localTime(nextRun),
    LastRun: Number.isNaN(lastRun) ? '' : `${humanDuration(now - lastRun)} ago`,
    LastRunAt: Number.isNaN(lastRun) ? '' : localTime(lastRun),
    LastError: textAt(json, 'LastError'),
  };
}

function fromNow(ms: number): string {
  const duration = humanDuration(ms);
  return ms <= 0 ? 'now' : `in ${duration.charAt(0).toLowerCase()}${duration.slice(1)}`;
}
