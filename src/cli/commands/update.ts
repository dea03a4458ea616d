import { textsAt } from '#client/json';
import { CliError, endingWithOne } from '../cli-error.ts';
import { command } from '../command.ts';
import type { CliContext } from '../context.ts';
import { explain } from '../error-report.ts';
import { createFlags } from '../run/create-flags.ts';
import { readRestart } from '../run/host-options.ts';
import { readLimits } from '../run/resources.ts';

export const update = command({
  usage: 'update [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Update configuration of one or more containers',
  flags: {
    'blkio-weight': createFlags['blkio-weight'],
    'cpu-period': createFlags['cpu-period'],
    'cpu-quota': createFlags['cpu-quota'],
    'cpu-rt-period': createFlags['cpu-rt-period'],
    'cpu-rt-runtime': createFlags['cpu-rt-runtime'],
    'cpu-shares': createFlags['cpu-shares'],
    cpus: createFlags.cpus,
    'cpuset-cpus': createFlags['cpuset-cpus'],
    'cpuset-mems': createFlags['cpuset-mems'],
    'kernel-memory': createFlags['kernel-memory'],
    memory: createFlags.memory,
    'memory-reservation': createFlags['memory-reservation'],
    'memory-swap': createFlags['memory-swap'],
    'pids-limit': createFlags['pids-limit'],
    restart: { type: 'string', help: 'Restart policy to apply when a container exits' },
  },
  args: { min: 1 },
  async run(context, { flags, given, args }) {
    if (given.size === 0) throw new CliError('you must provide one or more flags when using this command');
    const body = {
      ...readLimits(flags),
      PidsLimit: flags['pids-limit'] || undefined, // 0 is "not said", as with Docker
      RestartPolicy: endingWithOne(() => readRestart(flags.restart)),
    };
    return await updateEach(context, args, body);
  },
});

/** One after the other; names first, then what the engine warns of, then what failed. */
async function updateEach(
  { client, print }: CliContext,
  names: readonly string[],
  body: object,
): Promise<number> {
  const warnings: string[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      const answer = await client.call('POST', `/containers/${encodeURIComponent(name)}/update`, { body });
      print(name);
      warnings.push(...textsAt(answer, 'Warnings'));
    } catch (error) {
      problems.push(explain(error));
    }
  }
  for (const warning of warnings) print(warning);
  if (problems.length > 0) throw new CliError(problems.join('\n'));
  return 0;
}
