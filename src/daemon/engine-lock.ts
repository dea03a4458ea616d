import { join } from 'node:path';
import { EngineError } from '#base/errors';
import { tryLockFile } from '#sys/file-lock';

/** One engine per data root. @throws {EngineError} `conflict` while another one uses it. */
export function lockRoot(root: string): Disposable {
  const lock = tryLockFile(join(root, 'engine.lock'));
  if (lock) return lock;
  throw new EngineError(
    'conflict',
    `another engine already uses ${root}: stop it, or choose another folder with --root`,
  );
}
