import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { EngineError } from '#base/errors';

/** Others may pass to what has a mode of its own, and not look around. */
export const PASS_ONLY = 0o711;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Makes a folder that the engine keeps its files in, or makes sure that nobody else can put something into it: who can,
 * has root by what the engine does there.
 *
 * @throws {EngineError} `unavailable` when the folder belongs to somebody else, or is none.
 */
export function ensureOwnFolder(path: string, uid = process.getuid?.() ?? 0): void {
  mkdirSync(path, { recursive: true, mode: PASS_ONLY });
  const stat = lstatSync(`${path}/.`);
  if (stat.uid !== uid) {
    throw new EngineError(
      'unavailable',
      `the engine's folder ${path} belongs to user ${stat.uid}: give it to root (chown root ${path}), or choose another one`,
    );
  }
  if ((stat.mode & WRITABLE_BY_OTHERS) !== 0) chmodSync(path, PASS_ONLY);
}
