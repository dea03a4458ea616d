import type { QueryValue } from '#client/api-client';
import { command, type FlagSet } from '../command.ts';
import type { CliContext } from '../context.ts';
import { eachName } from '../each-name.ts';

const endFlags = {
  signal: { type: 'string', short: 's', help: 'Signal to send to the container' },
  timeout: { type: 'int', short: 't', help: 'Seconds to wait before killing the container' },
  time: { type: 'int', help: 'Old name of --timeout', hidden: true },
} as const satisfies FlagSet;

export const stop = command({
  usage: 'stop [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Stop one or more running containers',
  flags: endFlags,
  args: { min: 1 },
  run: (context, { flags, args }) =>
    post(context, args, 'stop', { signal: flags.signal || undefined, t: flags.timeout ?? flags.time }),
});

export const restart = command({
  usage: 'restart [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Restart one or more containers',
  flags: endFlags,
  args: { min: 1 },
  run: (context, { flags, args }) =>
    post(context, args, 'restart', { signal: flags.signal || undefined, t: flags.timeout ?? flags.time }),
});

export const kill = command({
  usage: 'kill [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Kill one or more running containers',
  flags: { signal: { type: 'string', short: 's', help: 'Signal to send to the container' } },
  args: { min: 1 },
  run: (context, { flags, args }) => post(context, args, 'kill', { signal: flags.signal || undefined }),
});

export const pause = command({
  usage: 'pause CONTAINER [CONTAINER...]',
  summary: 'Pause all processes within one or more containers',
  flags: {},
  args: { min: 1 },
  run: (context, { args }) => post(context, args, 'pause', {}),
});

export const unpause = command({
  usage: 'unpause CONTAINER [CONTAINER...]',
  summary: 'Unpause all processes within one or more containers',
  flags: {},
  args: { min: 1 },
  run: (context, { args }) => post(context, args, 'unpause', {}),
});

async function post(
  context: CliContext,
  names: readonly string[],
  action: string,
  query: Readonly<Record<string, QueryValue>>,
): Promise<number> {
  return eachName(context, names, async name => {
    await context.client.call('POST', `/containers/${encodeURIComponent(name)}/${action}`, { query });
    return name;
  });
}
