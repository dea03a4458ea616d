import { EngineError } from '#base/errors';
import type { OciProcess, OciSpec } from '#spec/oci/runtime-spec';

/** PATH_MAX of linux/limits.h, with the zero at the end */
const PATH_BYTES = 4096;
const SHOWN = 60;

/**
 * Refuses what no kernel takes for a path. A runtime would repeat it in its complaint, and conmon reads that only when the
 * runtime has ended: a complaint that does not fit into a pipe is never ended, and neither is the start.
 *
 * @throws {EngineError} `invalid`.
 */
export function checkSpecPaths({ process, mounts, linux }: OciSpec): void {
  checkProcessPaths(process);
  for (const { destination, source } of mounts) {
    check('place of a mount', destination);
    check('source of a mount', source);
  }
  for (const { path } of linux.devices) check('device', path);
  for (const path of [...linux.maskedPaths, ...linux.readonlyPaths]) check('masked or read-only path', path);
  for (const entry of Object.entries(linux.sysctl).flat()) check('kernel setting', entry);
}

/** {@link checkSpecPaths} for an exec. */
export function checkProcessPaths({ args, cwd, apparmorProfile = '' }: OciProcess): void {
  check('command', args[0] ?? '');
  check('working directory', cwd);
  check('AppArmor profile', apparmorProfile);
}

function check(what: string, path: string): void {
  if (Buffer.byteLength(path) < PATH_BYTES) return;
  throw new EngineError('invalid', `${what} "${path.slice(0, SHOWN)}…": file name too long`);
}
