import { readFileSync, statSync } from 'node:fs';
import type { EngineBuild } from '#api/system-info';

/** Where a checkout and a release both have it: two folders up from this file. */
const ROOT = new URL('../../', import.meta.url);
const SHORT_COMMIT = 12;

const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  readonly version: string; // our own file
};

/** A checkout is as old as the commit it stands on; a release says neither, and is as old as its files. */
export const ENGINE_BUILD: EngineBuild = {
  version,
  gitCommit: checkedOutCommit(new URL('.git/', ROOT)) ?? `v${version}`,
  buildTime: statSync(new URL('package.json', ROOT)).mtime.toISOString(),
};

/** Without starting git. gitrepository-layout(5): a branch is a file, or a line among the packed ones. */
export function checkedOutCommit(folder: URL): string | undefined {
  const head = read(new URL('HEAD', folder)).trim();
  const branch = /^ref: (refs\/\S+)$/.exec(head)?.[1];
  const commit = branch === undefined ? head : (loose(folder, branch) ?? packed(folder, branch));
  return commit !== undefined && /^[0-9a-f]{40,64}$/.test(commit) ? commit.slice(0, SHORT_COMMIT) : undefined;
}

function loose(folder: URL, branch: string): string | undefined {
  return read(new URL(branch, folder)).trim() || undefined;
}

function packed(folder: URL, branch: string): string | undefined {
  const line = read(new URL('packed-refs', folder))
    .split('\n')
    .find(entry => entry.endsWith(` ${branch}`));
  return line?.split(' ')[0];
}

function read(path: URL): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // no checkout, or a worktree whose folder is elsewhere
  }
}
