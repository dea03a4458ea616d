/** Docker's search path where an image sets none */
/** Where programs are looked for when nobody says where. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvironmentSettings {
  /** `NAME=value`; a bare `NAME` takes the variable away */
  readonly env: readonly string[];
  readonly hostname: string;
  readonly hasTerminal: boolean;
  readonly home: string;
}

/**
 * The environment of a container's process. The engine's own is never looked at: an entry without `=` only removes
 * what is set here, it does not pull a variable in.
 */
export function containerEnvironment(settings: EnvironmentSettings): readonly string[] {
  const defaults = [`PATH=${DEFAULT_PATH}`, `HOSTNAME=${settings.hostname}`];
  if (settings.hasTerminal) defaults.push('TERM=xterm');
  const variables = overlay(defaults, settings.env);
  if (!variables.has('HOME')) variables.set('HOME', settings.home);
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** The environment of an exec: the container's, with its own on top. */
export function execEnvironment(container: EnvironmentSettings, env: readonly string[]): readonly string[] {
  return [...overlay(containerEnvironment(container), env)].map(([name, value]) => `${name}=${value}`);
}

function overlay(base: readonly string[], changes: readonly string[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const entry of [...base, ...changes]) {
    const at = entry.indexOf('=');
    if (at === -1) variables.delete(entry);
    else if (at > 0) variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return variables;
}
