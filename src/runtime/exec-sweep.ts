import { rmSync } from 'node:fs';
import { findProcess, watchProcess } from '#sys/process-handle';
import { execBundles } from './bundle-files.ts';
import { readPidFile } from './pid-file.ts';

/** conmon still writes the exit code there. */
const CONMON_MS = 500;

/**
 * Removes the files of the execs that the engine before this one has started, each when it has ended. Nobody is told
 * how: whoever asked for it went away with that engine.
 *
 * @returns what waits for those that run.
 */
export function sweepExecs(containerBundle: string): Disposable[] {
  const waiting: Disposable[] = [];
  for (const bundle of execBundles(containerBundle)) {
    const remove = (): void => rmSync(bundle, { recursive: true, force: true });
    const pid = readPidFile(bundle);
    const process = pid === undefined ? undefined : findProcess(pid);
    if (process) waiting.push(watchProcess(process, () => setTimeout(remove, CONMON_MS).unref()));
    else remove();
  }
  return waiting;
}
