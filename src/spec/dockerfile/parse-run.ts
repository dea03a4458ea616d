import { badInstruction } from './dockerfile-error.ts';
import type { RawHeredoc } from './heredoc.ts';
import type { InstructionFlags } from './instruction-flags.ts';
import type { RunInstruction } from './instructions.ts';
import { parseRunCommand } from './parse-command.ts';
import { parseRunMount } from './run-mount.ts';

export const RUN_FLAGS = { mount: 'list', network: 'text', security: 'text', device: 'list' } as const;

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITIES = ['sandbox', 'insecure'] as const;

export function parseRun(
  flags: InstructionFlags,
  text: string,
  heredocs: readonly RawHeredoc[],
): Omit<RunInstruction, 'lines' | 'original'> {
  const network = oneOf(flags, 'network', NETWORKS);
  const security = oneOf(flags, 'security', SECURITIES);
  return {
    keyword: 'RUN',
    command: parseRunCommand(text, heredocs),
    mounts: flags.list('mount').map(parseRunMount),
    devices: flags.list('device'),
    ...(network && { network }),
    ...(security && { security }),
  };
}

function oneOf<T extends string>(flags: InstructionFlags, flag: string, known: readonly T[]): T | undefined {
  const value = flags.text(flag);
  if (value === undefined) return undefined;
  const found = known.find(name => name === value.toLowerCase());
  if (found === undefined)
    throw badInstruction(`invalid ${flag} mode ${JSON.stringify(value)}: there are ${known.join(', ')}`);
  return found;
}
