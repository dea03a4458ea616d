import { EngineError } from '#base/errors';
import { runTool } from '#sys/run-tool';

const PS_TIMEOUT_MS = 5000;

export interface ProcessList {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/**
 * Picks the processes of a container out of what `ps` printed for the whole host. The last column takes the
 * rest of its line.
 *
 * @throws {EngineError} `invalid` when the arguments left out the PID column.
 */
export function pickProcesses(output: string, pids: ReadonlySet<number>): ProcessList {
  const [header = '', ...lines] = output.split('\n').filter(line => line.trim() !== '');
  const titles = header.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn < 0)
    throw new EngineError('invalid', "Couldn't find PID field in ps output: the ps arguments must keep it");
  const processes = lines
    .map(line => splitColumns(line, titles.length))
    .filter(columns => pids.has(Number(columns[pidColumn])));
  return { titles, processes };
}

function splitColumns(line: string, count: number): string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}

/**
 * The processes of a container as the host's `ps` shows them.
 *
 * @param psArguments as the user gave them; empty means `-ef`
 * @throws {EngineError} `invalid` with what `ps` says of its arguments.
 */
export async function listProcesses(pids: readonly number[], psArguments: string): Promise<ProcessList> {
  const args = psArguments.trim() === '' ? ['-ef'] : psArguments.trim().split(/\s+/);
  const { status, output } = await runTool('ps', args, { timeoutMs: PS_TIMEOUT_MS });
  if (status !== 0)
    throw new EngineError('invalid', `ps ${args.join(' ')}: ${output.trim() || `exit status ${status}`}`);
  return pickProcesses(output, new Set(pids));
}
