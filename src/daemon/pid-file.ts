import { rmSync, writeFileSync } from 'node:fs';
import { EngineError, messageOf } from '#base/errors';

/**
 * Writes this process's ID, and takes the file away again when disposed. An engine that was killed leaves it, and the next
 * one writes over it: the root's lock says who lives, not this file.
 *
 * @throws {EngineError} `invalid` when the file cannot be written.
 */
export function writePidFile(path: string): Disposable {
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw new EngineError('invalid', `cannot write --pidfile ${path}: ${messageOf(error)}`, { cause: error });
  }
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}
