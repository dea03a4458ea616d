import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { codeOf } from '#base/errors';
import { CliError } from '../cli-error.ts';
import { systemMessage } from '../system-message.ts';

export interface DockerfilePlace {
  /** the folder itself, links followed */
  readonly folder: string;
  /** from the folder, with `/` between; starts with `../` when it is not in it */
  readonly name: string;
}

/** What the Dockerfile is called in the context where nothing else is said. */
export const USUAL_NAME = 'Dockerfile';

/**
 * Finds the Dockerfile of a folder as Docker's command line does: `-f` is taken from the current directory, and links are followed.
 *
 * @throws {CliError} in Docker's words, with what was probably meant.
 */
export function findDockerfile(folder: string, given: string): DockerfilePlace {
  const real = realFolder(folder);
  const path = given === '' ? usualPath(real) : resolve(given);
  let place: string;
  try {
    place = realpathSync(path);
  } catch (error) {
    throw new CliError(
      `unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${path}: ${systemMessage(error)}${nearby(real, folder)}`,
      1,
      { cause: error },
    );
  }
  if (statSync(place).isDirectory())
    throw new CliError(
      `${path} is a folder, not a Dockerfile; the folder to build is the argument: quai build ${given}`,
    );
  return { folder: real, name: relative(real, place).split(sep).join('/') };
}

/** @throws {CliError} when it is none. */
export function realFolder(folder: string): string {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch (error) {
    throw new CliError(
      `unable to prepare context: unable to evaluate symlinks in context path: lstat ${folder}: ${systemMessage(error)}`,
      1,
      { cause: error },
    );
  }
  if (statSync(real).isDirectory()) return real;
  const shown = isAbsolute(folder) ? folder : relative('', real);
  throw new CliError(
    [
      `unable to prepare context: context must be a directory: ${real}`,
      `The Dockerfile is named by -f, the argument is the folder: quai build -f ${shown} .`,
    ].join('\n'),
  );
}

/** Both spellings are taken, the usual one first. */
function usualPath(folder: string): string {
  const usual = join(folder, USUAL_NAME);
  const small = join(folder, USUAL_NAME.toLowerCase());
  return !exists(usual) && exists(small) ? small : usual;
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

const MOST_SHOWN = 3;

/** Files that somebody may have meant: `Dockerfile.txt`, `Dockerfile.dev`, `app.Dockerfile`, `Containerfile`. */
function nearby(real: string, folder: string): string {
  const names = readdirSync(real)
    .filter(name => /dockerfile|^containerfile/i.test(name) && !name.endsWith('.dockerignore'))
    .toSorted();
  if (names.length === 0)
    return `\nA Dockerfile tells how to build; write one in ${real}, or name it with -f`;
  const one = join(folder, names[0] ?? '');
  return `\nThere is ${names.slice(0, MOST_SHOWN).join(', ')}: quai build -f ${one} ${folder}`;
}
