import { CliError } from '../cli-error.ts';
import { systemMessage } from '../system-message.ts';
import { invalidOption } from './invalid-option.ts';
import type { LocalFiles } from './local-files.ts';

/**
 * Files first, then single variables. A bare `NAME` takes the caller's value; when the caller has none, it is left out
 * of a file, and from `--env` removes what the image sets.
 */
export function readEnv(paths: readonly string[], list: readonly string[], files: LocalFiles): string[] {
  const fromFiles = paths.flatMap(path => readKeyFile(path, files, name => valueOf(name, files)));
  const single = list.map(text => {
    if (text.startsWith('=') || text === '')
      throw invalidOption('env', text, `invalid environment variable: ${text}`);
    if (text.includes('=')) return text;
    const value = files.env[text];
    return value === undefined ? text : `${text}=${value}`;
  });
  return [...fromFiles, ...lastOfEach(single)];
}

/** `name=value` or `name` from files and options; later ones win. */
export function readLabels(
  paths: readonly string[],
  list: readonly string[],
  files: LocalFiles,
): Record<string, string> {
  const fromFiles = paths.flatMap(path => readKeyFile(path, files, name => name));
  const single = list.map(text => {
    if (text.startsWith('=')) throw invalidOption('label', text, `invalid label '${text}': empty name`);
    return text;
  });
  return Object.fromEntries([...fromFiles, ...single].map(text => splitPair(text)));
}

function lastOfEach(list: readonly string[]): string[] {
  return [...new Map(list.map(text => [text.split('=', 1)[0], text])).values()];
}

/** `key=value` options as an object; a missing value is `''`. */
export function pairs(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(list.map(text => splitPair(text)));
}

function splitPair(text: string): [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function valueOf(name: string, files: LocalFiles): string | undefined {
  const value = files.env[name];
  return value === undefined ? undefined : `${name}=${value}`;
}

/** One `name=value` a line, `#` comments, no quoting; `bare` decides about a line without `=`. */
function readKeyFile(path: string, files: LocalFiles, bare: (name: string) => string | undefined): string[] {
  return readText(path, files)
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .flatMap(raw => {
      const line = raw.trimStart();
      if (!line || line.startsWith('#')) return [];
      const [name = ''] = line.split('=', 1);
      if (!name) throw new CliError(`poorly formatted environment: no variable name on line '${line}'`, 125);
      if (/\s/.test(name)) {
        throw new CliError(`poorly formatted environment: variable '${name}' contains whitespaces`, 125);
      }
      if (line.includes('=')) return [line];
      const kept = bare(name);
      return kept === undefined ? [] : [kept];
    });
}

function readText(path: string, files: LocalFiles): string {
  try {
    return files.readFile(path);
  } catch (error) {
    throw new CliError(`open ${path}: ${systemMessage(error)}`, 125);
  }
}
