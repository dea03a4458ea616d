import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { isErrno } from '#sys/sys-error';

/**
 * The path of a folder below another, where a stranger's links are but nobody writes any more: none of the names on the way may be a link.
 *
 * @throws {EngineError} `invalid`.
 */
export async function plainFolder(root: string, path: string): Promise<string> {
  let here = root;
  for (const name of path.split('/').filter(part => part !== '' && part !== '.')) {
    here = join(here, name);
    if (name === '..' || !(await isFolder(here)))
      throw new EngineError('invalid', `${JSON.stringify(path)} is not a folder of the repository`);
  }
  return here;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}
