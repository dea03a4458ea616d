import { EngineError } from '#base/errors';
import type { Directives, Warning } from './instructions.ts';

const MOST_TOLD = 10;

/**
 * What of these is to be told, as `# check=skip=RuleA,RuleB;error=true` or `skip=all` has it.
 *
 * @throws {EngineError} `invalid`, where the file wants warnings to be errors.
 */
export function wantedWarnings(warnings: readonly Warning[], { check = '' }: Directives): Warning[] {
  const options = new Map(
    check.split(';').map(option => {
      const [name = '', value = ''] = option.split('=', 2);
      return [name.trim().toLowerCase(), value.trim().toLowerCase()];
    }),
  );
  const skipped = new Set((options.get('skip') ?? '').split(',').map(rule => rule.trim()));
  const wanted = warnings.filter(({ rule }) => !skipped.has('all') && !skipped.has(rule.toLowerCase()));
  if (options.get('error') === 'true' && wanted.length > 0) {
    const rules = [...new Set(wanted.map(({ rule }) => rule))].join(', ');
    const told = wanted.slice(0, MOST_TOLD).map(({ line, message }) => `line ${line}: ${message}`);
    if (wanted.length > told.length) told.push(`${wanted.length - told.length} more`);
    // Docker's wording, and what it means
    throw new EngineError('invalid', `lint violation found for rules: ${rules}: ${told.join('; ')}`);
  }
  return wanted;
}
