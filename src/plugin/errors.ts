import { EngineError } from '#base/errors';

/** Longest name or reason quoted in a message; longer ones are cut. */
const QUOTED_CHARACTERS = 1000;

/** Docker's wording. */
export function pluginNotFound(name: string): EngineError {
  return new EngineError('notFound', `plugin "${cut(name)}" not found`);
}

export function pluginLacks(name: string, capability: string): EngineError {
  // Docker's wording
  return new EngineError('notFound', `plugin "${cut(name)}" does not implement ${capability}`);
}

/** Nobody answers where the plugin should be. */
export function pluginUnreachable(name: string, where: string, cause: unknown): EngineError {
  return new EngineError(
    'unavailable',
    `plugin "${name}" does not answer at ${where}: ${reasonOf(cause)}: is its process running?`,
    { cause },
  );
}

export function pluginTooSlow(name: string, method: string, timeoutMs: number): EngineError {
  return new EngineError('deadline', `plugin "${name}": ${method} took longer than ${timeoutMs / 1000} s`);
}

/** It answered, and not what the protocol says. */
export function pluginNonsense(name: string, method: string, reason: string, cause?: unknown): EngineError {
  return new EngineError('internal', `plugin "${name}": ${method}: bad answer: ${cut(reason)}`, { cause });
}

/** The connection broke before the answer was there: what was asked for may have happened. */
export function pluginGone(name: string, method: string, cause: unknown): EngineError {
  return new EngineError('unavailable', `plugin "${name}" went away during ${method}: ${reasonOf(cause)}`, {
    cause,
  });
}

/** The plugin's own refusal, in its words, as Docker passes it on. */
export function pluginRefused(method: string, reason: string): EngineError {
  return new EngineError('internal', `${method}: ${cut(reason)}`);
}

export function badPluginSpec(path: string, reason: string, cause?: unknown): EngineError {
  return new EngineError('invalid', `cannot use the plugin description ${path}: ${cut(reason)}`, { cause });
}

function reasonOf(error: unknown): string {
  return cut(error instanceof Error ? error.message : String(error));
}

function cut(text: string): string {
  return text.length <= QUOTED_CHARACTERS ? text : `${text.slice(0, QUOTED_CHARACTERS)}…`;
}
