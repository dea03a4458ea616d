import { EngineError } from '#base/errors';
import type { ContainerConfig } from '#spec/docker/container-config';
import type { HostConfig } from '#spec/docker/host-config';
import { shown } from './shown.ts';

/** What runs: the entrypoint with the command as its arguments, or the command alone. */
export interface MergedConfig extends Executed {
  readonly config: ContainerConfig;
}

interface Executed {
  readonly config: { readonly Env: readonly string[] };
  readonly path: string;
  readonly args: readonly string[];
}

/** execve(2): one string of arguments or environment, with the NUL at its end (MAX_ARG_STRLEN, 32 pages). */
const LONGEST_STRING_BYTES = 131_072;
/** The sum, with a pointer for each, is bounded by a quarter of the stack's limit, but by at least and at most: */
const LEAST_TOTAL_BYTES = 131_072;
const MOST_TOTAL_BYTES = 6 * 1024 * 1024;
const POINTER_BYTES = 8;
/** The kernel's own default limit of a stack. */
const DEFAULT_STACK_BYTES = 8 * 1024 * 1024;

/**
 * Refuses what Linux could not execute, by name, instead of an "argument list too long" at start.
 *
 * @throws {EngineError} `invalid`.
 */
export function checkExecLimits(
  { config, path, args }: Executed,
  { Ulimits }: Pick<HostConfig, 'Ulimits'>,
): void {
  const words = [path, ...args];
  for (const [index, word] of words.entries()) checkString(`argument ${index} of the command`, word);
  for (const entry of config.Env)
    checkString(`environment variable "${shown(entry.split('=', 1)[0] ?? '')}"`, entry);
  const total = [...words, ...config.Env].reduce((sum, text) => sum + sizeOf(text) + POINTER_BYTES, 0);
  const limit = totalLimit(Ulimits);
  if (total > limit) {
    throw new EngineError(
      'invalid',
      `command and environment take ${total} bytes together; Linux executes nothing with more than ${limit} here: ` +
        'pass large data in a file, by a mount',
    );
  }
}

/**
 * A hint for options that stand behind the image, where they belong to the container's command.
 *
 * @returns a warning; `undefined` when nothing looks like it.
 */
export function misplacedOptionHint({ config, path }: MergedConfig): string | undefined {
  const [first = '', second = ''] = config.Cmd ?? [];
  const isOption = !config.Entrypoint?.length && path.startsWith('-');
  const looksLikeOne = OPTION_SHAPES.some(([option, value]) => option.test(first) && value.test(second));
  if (!isOption && !looksLikeOne) return undefined;
  return (
    `"${shown(first)}" stands after the image and is passed to the container as its command: ` +
    'options go before the image'
  );
}

/** Options of `docker run` that hardly any program has in this form. */
const OPTION_SHAPES: readonly (readonly [RegExp, RegExp])[] = [
  [/^(-e|--env)$/, /^[A-Za-z_][A-Za-z0-9_]*=/],
  [/^--env=[A-Za-z_][A-Za-z0-9_]*=/, /^/],
  [/^(-p|--publish)$/, /^(\d[\d.]*:)?\d+(-\d+)?:\d+/],
  [/^(-v|--volume)$/, /^[^:]+:\/(?!\/)[^:]*(:[a-zA-Z,]+)?$/],
  [/^(--restart|--network|--volumes-from)(=|$)/, /^/],
];

function checkString(what: string, text: string): void {
  if (text.includes('\0')) throw new EngineError('invalid', `${what} contains a NUL character`);
  const bytes = sizeOf(text);
  if (bytes <= LONGEST_STRING_BYTES) return;
  throw new EngineError(
    'invalid',
    `${what} is ${bytes - 1} bytes long; Linux executes nothing with more than ${LONGEST_STRING_BYTES - 1} bytes in one ` +
      'string: pass large data in a file, by a mount',
  );
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text) + 1;
}

function totalLimit(ulimits: HostConfig['Ulimits']): number {
  const stack = ulimits.find(({ Name }) => Name === 'stack')?.Soft ?? DEFAULT_STACK_BYTES;
  const quarter = stack < 0 ? MOST_TOTAL_BYTES : Math.floor(stack / 4);
  return Math.max(LEAST_TOTAL_BYTES, Math.min(quarter, MOST_TOTAL_BYTES));
}
