import { EngineError } from '#base/errors';
import { toolLines } from '#sys/tool-lines';
import { shown } from './shown.ts';

const PS_TIMEOUT_MS = 5000;
/** A process says itself what its command line is. */
const MAX_LINE_BYTES = 64 * 1024;
const MAX_ARGUMENTS_LENGTH = 4096;

export interface ProcessList {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

/**
 * Picks the processes of a container out of the lines that `ps` prints for the whole host, the first of which are titles.
 * The last column takes the rest of its line.
 */
export class ProcessPicker {
  readonly #pids: ReadonlySet<number>;
  #titles: readonly string[] = [];
  #pidColumn = -1;

  constructor(pids: ReadonlySet<number>) {
    this.#pids = pids;
  }

  /** To be asked for each line, in order. */
  wants(line: string): boolean {
    if (this.#titles.length === 0) {
      this.#titles = line.trim().split(/\s+/).filter(Boolean);
      this.#pidColumn = this.#titles.indexOf('PID');
      return false;
    }
    return this.#pidColumn >= 0 && this.#pids.has(Number(this.#columns(line)[this.#pidColumn]));
  }

  /** @throws {EngineError} `invalid` when the arguments left out the PID column. */
  list(lines: readonly string[]): ProcessList {
    if (this.#pidColumn < 0) {
      throw new EngineError('invalid', "Couldn't find PID field in ps output: the ps arguments must keep it");
    }
    return { titles: this.#titles, processes: lines.map(line => this.#columns(line)) };
  }

  #columns(line: string): string[] {
    const words = line.trim().split(/\s+/);
    const last = this.#titles.length - 1;
    return [...words.slice(0, last), words.slice(last).join(' ')];
  }
}

/**
 * The processes of a container as the host's `ps` shows them.
 *
 * @param psArguments as the user gave them; empty means `-ef`
 * @throws {EngineError} `invalid` with what `ps` says of its arguments; what it prints is not for the client: it is of the
 *   whole host.
 */
export async function listProcesses(pids: readonly number[], psArguments: string): Promise<ProcessList> {
  const args = psArguments.trim() === '' ? ['-ef'] : psArguments.trim().split(/\s+/);
  checkArguments(args);
  const picker = new ProcessPicker(new Set(pids));
  const { status, lines, errors } = await toolLines('ps', args, {
    timeoutMs: PS_TIMEOUT_MS,
    maxLineBytes: MAX_LINE_BYTES,
    keep: line => picker.wants(line),
  });
  if (status !== 0) {
    const reason = errors.trim().split('\n', 1)[0] || `exit status ${status}`;
    throw new EngineError('invalid', `ps ${shown(args.join(' '))}: ${reason}`);
  }
  return picker.list(lines);
}

/** Another column called PID would pick processes by what stands in that (moby: `validatePSArgs`). */
function checkArguments(args: readonly string[]): void {
  const text = args.join(' ');
  if (text.length > MAX_ARGUMENTS_LENGTH) throw new EngineError('invalid', 'the ps arguments are too long');
  for (const [, name = '', title = ''] of text.matchAll(/(\w*)=\s*(PID\S*)/g)) {
    if (name !== 'pid') throw new EngineError('invalid', `specifying "${name}=${title}" is not allowed`);
  }
}
