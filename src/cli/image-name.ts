import { CliError } from './cli-error.ts';

export interface ImageName {
  readonly repository: string;
  /** `''` when none was written */
  readonly tag: string;
  /** `sha256:…`, or `''` */
  readonly digest: string;
}

/**
 * Cuts `registry:5000/name:tag@digest` into its parts.
 *
 * @throws {CliError} for what no engine takes, with the reason where people stumble: capital letters.
 */
export function parseReference(text: string): ImageName {
  const match = /^(.+?)(?::([\w][\w.-]{0,127}))?(?:@([a-z0-9+._-]+:[0-9a-fA-F]{32,}))?$/.exec(text);
  const [, repository = '', tag = '', digest = ''] = match ?? [];
  const path = repository.slice(repository.lastIndexOf('/') + 1);
  if (/[A-Z]/.test(path)) {
    throw new CliError(
      `invalid reference format: repository name (${repository}) must be lowercase\n  write ${text.replace(repository, repository.toLowerCase())}`,
    );
  }
  if (!match || !/^[a-z0-9A-Z][\w./:[\]-]*$/.test(repository)) throw new CliError('invalid reference format');
  return { repository, tag, digest };
}
