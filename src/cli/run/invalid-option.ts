import { UsageError } from '../cli-error.ts';
import type { Flag } from '../command.ts';
import { invalidArgument } from '../flag-parser.ts';
import { createFlags } from './create-flags.ts';

/** Docker's wording for a value that an option cannot take: `invalid argument "x" for "-p, --publish" flag: …`. */
export function invalidOption(name: keyof typeof createFlags, value: string, reason: string): UsageError {
  const flag: Flag = createFlags[name];
  return new UsageError(invalidArgument(name, flag, value, reason));
}
