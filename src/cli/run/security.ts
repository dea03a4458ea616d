import { messageOf } from '#base/errors';
import { CliError } from '../cli-error.ts';
import { systemMessage } from '../system-message.ts';
import type { LocalFiles } from './local-files.ts';

export interface SecurityOptions {
  readonly options: string[];
  /** Empty lists where `systempaths=unconfined` opens what is hidden by default. */
  readonly unmasked: { readonly MaskedPaths?: string[]; readonly ReadonlyPaths?: string[] };
}

/** `--security-opt`. A seccomp profile is a file of this machine: its content is what the engine gets. */
export function readSecurity(list: readonly string[], files: Pick<LocalFiles, 'readFile'>): SecurityOptions {
  const opensPaths = list.includes('systempaths=unconfined');
  return {
    options: list.filter(text => text !== 'systempaths=unconfined').map(text => securityOption(text, files)),
    unmasked: opensPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {},
  };
}

function securityOption(text: string, files: Pick<LocalFiles, 'readFile'>): string {
  const separator = text.includes('=') ? '=' : ':';
  const at = text.indexOf(separator);
  const [key, value] = at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  if (key === 'no-new-privileges') return text;
  if (!value) throw new CliError(`Invalid --security-opt: ${JSON.stringify(text)}`, 125);
  if (key !== 'seccomp' || value === 'unconfined' || value === 'builtin') return text;
  return `seccomp=${compactJson(value, readProfile(value, files))}`;
}

function readProfile(path: string, files: Pick<LocalFiles, 'readFile'>): string {
  try {
    return files.readFile(path);
  } catch (error) {
    throw new CliError(
      `opening seccomp profile (${path}) failed: open ${path}: ${systemMessage(error)}`,
      125,
    );
  }
}

function compactJson(path: string, text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new CliError(`compacting json for seccomp profile (${path}) failed: ${messageOf(error)}`, 125);
  }
}
