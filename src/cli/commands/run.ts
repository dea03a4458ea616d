import { messageOf } from '#base/errors';
import { ApiError } from '#client/api-error';
import { CliError, EngineLostError, StreamedError, UsageError } from '../cli-error.ts';
import { command } from '../command.ts';
import { createFlags } from '../run/create-flags.ts';
import { toCreateRequest } from '../run/create-request.ts';
import { localFiles } from '../run/local-files.ts';
import { misplacedOptionNote } from '../run/misplaced-option.ts';
import { runContainer } from '../run/run-container.ts';

const flags = {
  ...createFlags,
  detach: { type: 'bool', short: 'd', help: 'Run container in background and print container ID' },
  'detach-keys': { type: 'string', help: 'Override the key sequence for detaching a container' },
  'sig-proxy': { type: 'bool', on: true, help: 'Proxy received signals to the process (default true)' },
} as const;

export const run = command({
  usage: 'run [OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  flags,
  args: { min: 1 },
  stopsAtArgument: true,
  async run(context, invocation) {
    const note = misplacedOptionNote('run', invocation.args);
    try {
      const body = toCreateRequest(invocation, localFiles(context.env));
      if (note) context.warn(note);
      return await runContainer(context, invocation.flags, body);
    } catch (error) {
      throw await withHelp(error);
    }
  },
});

/** Docker's form of an error of `run`, and its exit statuses: 125 ours, 126 cannot be run, 127 not found. */
async function withHelp(error: unknown): Promise<unknown> {
  if (
    error instanceof UsageError ||
    error instanceof EngineLostError ||
    (error instanceof CliError && error.status === 1 && !(error instanceof StreamedError))
  )
    return error;
  const { explain } = await import('../error-report.ts');
  const text = `quai: ${explain(error)}\n\nRun 'quai run --help' for more information`;
  return new CliError(text, error instanceof ApiError ? startStatus(messageOf(error)) : 125);
}

/** Clients of Docker decide by the runtime's words, as there is no field for it. */
export function startStatus(message: string): number {
  if (/executable file not found|no such file or directory/.test(message)) return 127;
  return /permission denied|is a directory/.test(message) ? 126 : 125;
}
