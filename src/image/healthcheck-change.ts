import type { HealthcheckInstruction } from '#spec/dockerfile/instructions';
import type { WrittenConfig, WrittenHealthcheck } from './written-config.ts';

/** What a HEALTHCHECK instruction makes of a configuration, whose shell runs a check that is a line. */
export function writtenHealthcheck(
  { check }: Pick<HealthcheckInstruction, 'check'>,
  { Shell }: Pick<WrittenConfig, 'Shell'>,
): WrittenHealthcheck {
  if (check === 'none') return { Test: ['NONE'] };
  const { command, intervalNanos, timeoutNanos, startPeriodNanos, startIntervalNanos, retries } = check;
  const Test =
    command.form === 'exec'
      ? ['CMD', ...command.args]
      : Shell
        ? ['CMD', ...Shell, command.text]
        : ['CMD-SHELL', command.text];
  return {
    Test,
    ...(intervalNanos ? { Interval: intervalNanos } : {}),
    ...(timeoutNanos ? { Timeout: timeoutNanos } : {}),
    ...(startPeriodNanos ? { StartPeriod: startPeriodNanos } : {}),
    ...(startIntervalNanos ? { StartInterval: startIntervalNanos } : {}),
    ...(retries ? { Retries: retries } : {}),
  };
}
