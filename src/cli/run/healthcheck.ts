import { CliError } from '../cli-error.ts';
import type { CreateOptions } from './create-flags.ts';
import { withoutEmpty } from './without-empty.ts';

export interface HealthBody {
  readonly Test?: string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly Retries?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
}

type HealthOptions = Pick<CreateOptions, Extract<keyof CreateOptions, `health-${string}`> | 'no-healthcheck'>;

/** The `--health-*` options; `undefined` when the image's check is left as it is. */
export function readHealthcheck(options: HealthOptions): HealthBody | undefined {
  const check: HealthBody = withoutEmpty({
    Test: options['health-cmd'] ? ['CMD-SHELL', options['health-cmd']] : [],
    Interval: notNegative('health-interval', options['health-interval']),
    Timeout: notNegative('health-timeout', options['health-timeout']),
    Retries: notNegative('health-retries', options['health-retries']),
    StartPeriod: notNegative('health-start-period', options['health-start-period']),
    StartInterval: notNegative('health-start-interval', options['health-start-interval']),
  });
  const isGiven = Object.keys(check).length > 0;
  if (!options['no-healthcheck']) return isGiven ? check : undefined;
  if (isGiven) throw new CliError('--no-healthcheck conflicts with --health-* options', 125);
  return { Test: ['NONE'] };
}

function notNegative(name: string, value: number | undefined): number {
  if (value !== undefined && value < 0) throw new CliError(`--${name} cannot be negative`, 125);
  return value ?? 0;
}
