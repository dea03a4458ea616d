import { flagAt, type Json, textAt } from '#client/json';
import { CliError } from '../cli-error.ts';
import { command } from '../command.ts';
import { attachContainer } from '../run/attach-container.ts';
import { readDetachKeys } from '../run/run-container.ts';

export const attach = command({
  usage: 'attach [OPTIONS] CONTAINER',
  summary: 'Attach local standard input, output, and error streams to a running container',
  flags: {
    'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
    'no-stdin': { type: 'bool', help: 'Do not attach STDIN' },
    'sig-proxy': { type: 'bool', on: true, help: 'Proxy all received signals to the process (default true)' },
  },
  args: { min: 1, max: 1 },
  async run(context, { flags, args: [name = ''] }) {
    const container = await context.client.call('GET', `/containers/${encodeURIComponent(name)}/json`);
    refuseIfNotRunning(container);
    const tty = flagAt(container, 'Config', 'Tty');
    const stdin = !flags['no-stdin'] && flagAt(container, 'Config', 'OpenStdin');
    if (tty && stdin && !context.stdin.isTTY) throw new CliError('the input device is not a TTY');
    return attachContainer(context, {
      id: textAt(container, 'Id'),
      tty,
      stdin,
      detachKeys: readDetachKeys(flags['detach-keys']),
      detachKeysText: flags['detach-keys'],
      sigProxy: flags['sig-proxy'],
      condition: 'not-running',
      begin: () => Promise.resolve(),
    });
  },
});

function refuseIfNotRunning(container: Json): void {
  if (flagAt(container, 'State', 'Paused')) {
    throw new CliError('cannot attach to a paused container, unpause it first');
  }
  if (flagAt(container, 'State', 'Restarting')) {
    throw new CliError('cannot attach to a restarting container, wait until it is running');
  }
  if (!flagAt(container, 'State', 'Running')) {
    throw new CliError('cannot attach to a stopped container, start it first');
  }
}
