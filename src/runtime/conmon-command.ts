import { join } from 'node:path';
import { EngineError } from '#base/errors';

/** conmon's command line (conmon(8)), as far as containers and execs have it in common. */
export interface ConmonCommand {
  readonly containerId: string;
  /** of this process: the container's or the exec's */
  readonly processId: string;
  /** conmon's own directory: attach socket, ctl fifo, pid file */
  readonly bundle: string;
  readonly exitDir: string;
  /** absent: nothing is logged */
  readonly log?: string;
  readonly runtimePath: string;
  readonly runtimeRoot: string;
  readonly hasTerminal: boolean;
  readonly hasStdin: boolean;
  readonly closesStdin: boolean;
}

/**
 * The arguments for a container, or for an exec when `processSpec` is given.
 *
 * `--sync` keeps conmon our child as long as we live, which saves it a fork and lets us see it end; when we die,
 * init inherits it. `--full-attach` puts the attach socket into the bundle, whatever the length of its path.
 *
 * @throws {EngineError} `invalid` for a log path that conmon could not parse.
 */
export function conmonArguments(command: ConmonCommand, processSpec?: string): string[] {
  const { log, hasTerminal, hasStdin, closesStdin } = command;
  if (log?.includes(':')) {
    throw new EngineError('invalid', `cannot log to "${log}": conmon takes no path with a colon`);
  }
  const options = {
    '--api-version': '1',
    '--log-level': 'error',
    '--cid': command.containerId,
    '--cuuid': command.processId,
    '--runtime': command.runtimePath,
    '--bundle': command.bundle,
    '--container-pidfile': join(command.bundle, 'pidfile'),
    '--exit-dir': command.exitDir,
    '--log-path': log === undefined ? 'none' : `k8s-file:${log}`,
    ...(processSpec === undefined ? {} : { '--exec-process-spec': processSpec }),
  };
  const flags = ['--sync', '--full-attach', '--no-sync-log'];
  if (processSpec !== undefined) flags.push('--exec');
  if (hasTerminal) flags.push('--terminal');
  if (hasStdin) flags.push('--stdin');
  // A terminal outlives its clients: closing it would leave later ones unable to type.
  if (hasStdin && (hasTerminal || !closesStdin)) flags.push('--leave-stdin-open');
  const runtimeArgs = ['--runtime-arg', '--root', '--runtime-arg', command.runtimeRoot];
  return [...Object.entries(options).flat(), ...flags, ...runtimeArgs];
}
