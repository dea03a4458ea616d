import { goDurationNanos } from '#spec/docker/go-duration';
import { badInstruction } from './dockerfile-error.ts';
import type { InstructionFlags } from './instruction-flags.ts';
import type { HealthTest } from './instructions.ts';
import { parseCommand } from './parse-command.ts';
import { cutAtBlank } from './split-words.ts';

/** `NONE`, or `CMD` and what it runs. */
export function parseHealthcheck(flags: InstructionFlags, text: string): 'none' | HealthTest {
  const [word, rest] = cutAtBlank(text);
  const type = word.toUpperCase();
  if (type === '') throw badInstruction('HEALTHCHECK requires at least one argument');
  if (type === 'NONE') {
    if (rest !== '') throw badInstruction('HEALTHCHECK NONE takes no arguments');
    return 'none';
  }
  if (type !== 'CMD') throw badInstruction(`Unknown type ${JSON.stringify(word)} in HEALTHCHECK (try CMD)`);
  if (rest === '') throw badInstruction('Missing command after HEALTHCHECK CMD');
  const retries = retriesOf(flags);
  return {
    command: parseCommand('HEALTHCHECK', rest),
    ...duration(flags, 'interval', 'intervalNanos'),
    ...duration(flags, 'timeout', 'timeoutNanos'),
    ...duration(flags, 'start-period', 'startPeriodNanos'),
    ...duration(flags, 'start-interval', 'startIntervalNanos'),
    ...(retries !== undefined && { retries }),
  };
}

type DurationField = 'intervalNanos' | 'timeoutNanos' | 'startPeriodNanos' | 'startIntervalNanos';

const LEAST_NANOS = 1_000_000;

function duration(flags: InstructionFlags, flag: string, field: DurationField): Partial<HealthTest> {
  const written = flags.text(flag);
  if (written === undefined) return {};
  const nanos = goDurationNanos(written);
  if (nanos === undefined)
    throw badInstruction(
      `time: invalid duration ${JSON.stringify(written)} of --${flag}: write it like 30s or 1m30s`,
    );
  if (nanos === 0) return {};
  if (nanos < LEAST_NANOS) throw badInstruction(`Interval "${flag}" cannot be less than 1ms`);
  return { [field]: nanos };
}

function retriesOf(flags: InstructionFlags): number | undefined {
  const written = flags.text('retries');
  if (written === undefined) return undefined;
  if (!/^\+?[0-9]{1,9}$/.test(written)) {
    throw badInstruction(`--retries wants a number of 0 or more, not ${JSON.stringify(written)}`);
  }
  return Number(written) || undefined;
}
