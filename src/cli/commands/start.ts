import { flagAt, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command, type Invocation } from '../command.ts';
import type { CliContext } from '../context.ts';
import { explain } from '../error-report.ts';
import { attachContainer } from '../run/attach-container.ts';
import { readDetachKeys } from '../run/run-container.ts';

const flags = {
  attach: { type: 'bool', short: 'a', help: 'Attach STDOUT/STDERR and forward signals' },
  checkpoint: { type: 'string', help: 'Not implemented', hidden: true },
  'checkpoint-dir': { type: 'string', help: 'Not implemented', hidden: true },
  'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
  interactive: { type: 'bool', short: 'i', help: "Attach container's STDIN" },
} as const;

export const start = command({
  usage: 'start [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Start one or more stopped containers',
  flags,
  args: { min: 1 },
  async run(context, { flags: options, args }) {
    if (options.checkpoint || options['checkpoint-dir']) {
      throw new CliError('not implemented: quai start --checkpoint');
    }
    if (!options.attach && !options.interactive) return startAll(context, args);
    const [name = '', ...others] = args;
    if (others.length > 0) throw new CliError('you cannot start and attach multiple containers at once');
    return startAttached(context, name, options);
  },
});

async function startAttached(
  context: CliContext,
  name: string,
  options: Invocation<typeof flags>['flags'],
): Promise<number> {
  const { client } = context;
  const container = await client.call('GET', `/containers/${encodeURIComponent(name)}/json`);
  const id = textAt(container, 'Id');
  return attachContainer(context, {
    id,
    tty: flagAt(container, 'Config', 'Tty'),
    stdin: options.interactive && flagAt(container, 'Config', 'OpenStdin'),
    detachKeys: readDetachKeys(options['detach-keys']),
    detachKeysText: options['detach-keys'],
    sigProxy: true,
    condition: flagAt(container, 'HostConfig', 'AutoRemove') ? 'removed' : 'next-exit',
    begin: async () => void (await client.call('POST', `/containers/${id}/start`)),
  });
}

async function startAll({ client, print, warn }: CliContext, names: readonly string[]): Promise<number> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await client.call('POST', `/containers/${encodeURIComponent(name)}/start`);
      print(name);
    } catch (error) {
      warn(explain(error));
      failed.push(name);
    }
  }
  if (failed.length === 0) return 0;
  warn(`Error: failed to start containers: ${failed.join(', ')}`);
  return 1;
}
