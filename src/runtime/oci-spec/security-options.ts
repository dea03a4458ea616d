import { EngineError } from '#base/errors';

/** What `--security-opt` asks for. */
export interface SecurityOptions {
  /** profile as JSON, `unconfined`, or `builtin` */
  readonly seccomp: string;
  /** name of a loaded profile, or `unconfined`; absent: the engine's choice */
  readonly apparmor?: string;
  readonly hasNoNewPrivileges: boolean;
  /** no masked and no read-only paths */
  readonly hasOpenSystemPaths: boolean;
  /** SELinux options without their `label=` */
  readonly labels: readonly string[];
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** @throws {EngineError} `invalid` with Docker's wording. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let seccomp = 'builtin';
  let apparmor: string | undefined;
  let hasNoNewPrivileges = false;
  let hasOpenSystemPaths = false;
  const labels: string[] = [];
  for (const option of options) {
    const [key, value] = splitOption(option);
    if (key === 'no-new-privileges') hasNoNewPrivileges = parseFlag(value ?? 'true', option);
    else if (key === 'disable' && value === undefined) labels.push('disable');
    else if (value === undefined) throw invalidOption(1, option);
    else if (key === 'seccomp') seccomp = value;
    else if (key === 'apparmor') apparmor = value;
    else if (key === 'label') labels.push(value);
    // The Docker CLI turns it into empty path lists; other clients send it as it is.
    else if (key === 'systempaths' && value === 'unconfined') hasOpenSystemPaths = true;
    else throw invalidOption(2, option);
  }
  return {
    seccomp: seccomp === '' ? 'builtin' : seccomp,
    ...(apparmor !== undefined && { apparmor }),
    hasNoNewPrivileges,
    hasOpenSystemPaths,
    labels,
  };
}

/** `key=value`, or `key:value` as old clients write it. A profile may contain both signs: `=` counts if there is one. */
function splitOption(option: string): readonly [key: string, value: string | undefined] {
  const separator = option.includes('=') ? '=' : ':';
  const at = option.indexOf(separator);
  return at === -1 ? [option, undefined] : [option.slice(0, at), option.slice(at + 1)];
}

function parseFlag(text: string, option: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw invalidOption(2, option);
}

/** Docker tells "no separator" (1) and "unknown or wrong" (2) apart. */
function invalidOption(kind: 1 | 2, option: string): EngineError {
  return new EngineError('invalid', `invalid --security-opt ${kind}: ${JSON.stringify(option)}`);
}
