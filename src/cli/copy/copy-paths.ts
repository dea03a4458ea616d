import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { CliError } from '../cli-error.ts';
import { systemMessage } from '../system-message.ts';

/** One side of a copy: `container` is absent for a path of this machine. */
export interface Place {
  readonly container?: string;
  readonly path: string;
}

/** What is copied. `name`: what it is called in the archive. */
export interface Source {
  readonly path: string;
  readonly isDirectory: boolean;
  readonly name: string;
}

export interface Destination {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
}

/** Where an archive is unpacked, and what its topmost entry is called there: `.` for the content of a folder. */
export interface Landing {
  readonly folder: string;
  readonly name: string;
}

/** `CONTAINER:PATH`; a path of this machine begins with `/` or `.`, or has no colon. */
export function parsePlace(text: string): Place {
  const colon = text.indexOf(':');
  if (path.isAbsolute(text) || colon < 0 || text.startsWith('.')) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** Absolute, and with the `/` or `/.` at its end that says: the folder, or its content. */
export function absolute(given: string): string {
  return withEndOf(path.resolve(given), given);
}

function endsInDot(text: string): boolean {
  return path.basename(text) === '.';
}

/** Folder and last part; the last part of `x/.` is `.`. */
export function splitLast(text: string): Landing {
  const clean = path.normalize(text).replace(/(.)\/$/, '$1');
  if (!endsInDot(text)) return { folder: path.dirname(clean), name: path.basename(clean) || '/' };
  return { folder: clean.replace(/\/\.$/, '') || '/', name: '.' };
}

/** Where what comes from `source` goes. The rules are Docker's. @throws {CliError} */
export function landingOf(source: Source, target: Destination): Landing {
  if (target.exists && target.isDirectory) return { folder: target.path, name: source.name };
  if (target.exists && source.isDirectory) throw new CliError('cannot copy directory');
  if (!target.exists && !source.isDirectory && assertsDirectory(target.path))
    throw new CliError('no such directory');
  return splitLast(target.path);
}

/** The name that the user gave, where following a link has changed the last part. */
function sourceOf(given: string, resolved: string, isDirectory: boolean): Source {
  const real = withEndOf(resolved, given);
  const name = path.basename(given) === path.basename(real) ? splitLast(real).name : path.basename(given);
  return { path: real, isDirectory, name };
}

/** @throws {CliError} when it is not there. */
export function localSource(given: string, { followsLink }: { readonly followsLink: boolean }): Source {
  const whole = absolute(given);
  try {
    const isPlain = !followsLink && !whole.endsWith('/') && !endsInDot(whole);
    const parent = realpathSync(path.dirname(whole));
    const resolved = isPlain ? path.join(parent, path.basename(whole)) : realpathSync(whole);
    const isDirectory = lstatSync(resolved).isDirectory();
    if (!isDirectory && assertsDirectory(whole)) throw new CliError(`stat ${whole}: not a directory`);
    return sourceOf(whole, resolved, isDirectory);
  } catch (error) {
    throw error instanceof CliError ? error : new CliError(`lstat ${whole}: ${systemMessage(error)}`);
  }
}

const MAX_LINKS = 10;

/** Links at the end are followed, also one that leads to nothing: it is made there. @throws {CliError} */
export function localDestination(given: string): Destination {
  let place = absolute(given);
  for (let links = 0; ; links += 1) {
    const stat = lstatSync(place, { throwIfNoEntry: false });
    if (!stat) break;
    if (!stat.isSymbolicLink()) return { path: place, exists: true, isDirectory: stat.isDirectory() };
    if (links > MAX_LINKS) throw new CliError(`too many symlinks in ${given}`);
    place = path.resolve(splitLast(place).folder, readlinkSync(place));
  }
  const { folder } = splitLast(place);
  const parent = statSync(folder, { throwIfNoEntry: false });
  if (!parent) throw new CliError(`invalid output path: directory "${folder}" does not exist`);
  if (!parent.isDirectory()) throw new CliError('not a directory');
  return { path: place, exists: false, isDirectory: false };
}

function assertsDirectory(text: string): boolean {
  return text.endsWith('/') || endsInDot(text);
}

function withEndOf(clean: string, given: string): string {
  if (clean === '/') return clean;
  if (endsInDot(given)) return `${clean}/.`;
  return given.endsWith('/') ? `${clean}/` : clean;
}
