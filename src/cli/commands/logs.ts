import { flagAt } from '#client/json';
import { command } from '../command.ts';
import { copyFrames, copyRaw } from '../terminal/session.ts';
import { toTimestamp } from '../timestamp.ts';

export const logs = command({
  usage: 'logs [OPTIONS] CONTAINER',
  summary: 'Fetch the logs of a container',
  flags: {
    details: { type: 'bool', help: 'Show extra details provided to logs' },
    follow: { type: 'bool', short: 'f', help: 'Follow log output' },
    since: {
      type: 'string',
      help: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    },
    tail: {
      type: 'string',
      short: 'n',
      help: 'Number of lines to show from the end of the logs (default "all")',
    },
    timestamps: { type: 'bool', short: 't', help: 'Show timestamps' },
    until: {
      type: 'string',
      help: 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [name = ''] }) {
    const { client, now } = context;
    const path = `/containers/${encodeURIComponent(name)}`;
    const query = {
      stdout: true,
      stderr: true,
      since: flags.since ? toTimestamp(flags.since, now()) : undefined,
      until: flags.until ? toTimestamp(flags.until, now()) : undefined,
      timestamps: flags.timestamps || undefined,
      follow: flags.follow || undefined,
      tail: flags.tail || 'all',
      details: flags.details || undefined,
    };
    const container = await client.call('GET', `${path}/json`);
    const { body } = await client.stream('GET', `${path}/logs`, { query });
    if (flagAt(container, 'Config', 'Tty')) await copyRaw(body, context.stdout);
    else await copyFrames(body, context);
    return 0;
  },
});
