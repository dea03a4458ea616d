import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { tryLockFile, tryLockFolder } from '#sys/file-lock';

/** One engine per data root. @throws {EngineError} `conflict` while another one uses it. */
export function lockRoot(root: string): Disposable {
  return tryLockFile(join(root, 'engine.lock')) ?? refuse(root, '--root');
}

/**
 * One engine per folder of run-time files: to another root's engine, all containers there would be left-overs.
 *
 * @throws {EngineError} `conflict` while another one uses it.
 */
export function lockRunDir(runDir: string): Disposable {
  return tryLockFolder(runDir) ?? refuse(runDir, '--run-dir');
}

function refuse(folder: string, flag: string): never {
  throw new EngineError(
    'conflict',
    `another engine already uses ${folder}: stop it, or choose another folder with ${flag}`,
  );
}
