import { readFileSync } from 'node:fs';
import { at, parseJson } from '#client/json';

/** `Quai version 0.1.0, build 1a2b3c4`, as Docker prints its own. */
export function versionLine(): string {
  return `Quai version ${clientVersion()}, build ${clientBuild()}`;
}

/** The version of this package. */
export function clientVersion(): string {
  const version = at(
    parseJson(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')),
    'version',
  );
  return typeof version === 'string' ? version : 'unknown';
}

/** The commit it runs from, short; `unknown` outside a repository. */
export function clientBuild(): string {
  try {
    const git = new URL('../../.git/', import.meta.url);
    const head = readFileSync(new URL('HEAD', git), 'utf8').trim();
    const branch = /^ref: (.+)$/.exec(head)?.[1];
    return (branch ? readFileSync(new URL(branch, git), 'utf8') : head).slice(0, 7);
  } catch {
    return 'unknown';
  }
}
