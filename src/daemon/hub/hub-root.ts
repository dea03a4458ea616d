import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError, messageOf } from '#base/errors';
import { tryLockFile } from '#sys/file-lock';

/** Nobody else has business there: passwords' hashes and private images are in it. */
const OWNER_ONLY = 0o700;

/**
 * Makes the hub's folder where it is not there, and takes it for this process.
 *
 * @throws {EngineError} `invalid` when the folder cannot be written, `conflict` while another hub uses it.
 */
export function lockHubRoot(root: string): Disposable {
  try {
    mkdirSync(root, { recursive: true, mode: OWNER_ONLY });
    accessSync(root, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new EngineError(
      'invalid',
      `cannot write to the hub's folder ${root} (${messageOf(error)}): give it to this user (chown), or choose another with --root`,
      { cause: error },
    );
  }
  const lock = tryLockFile(join(root, 'hub.lock'));
  if (lock) return lock;
  throw new EngineError(
    'conflict',
    `another hub already uses ${root}: stop it, or choose another folder with --root`,
  );
}
