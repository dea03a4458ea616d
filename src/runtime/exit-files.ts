import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '#base/logger';
import { isErrno } from '#sys/sys-error';

export interface ExitFile {
  readonly id: string;
  readonly code: number;
  /** milliseconds since 1970 */
  readonly exitedAt: number;
}

/** g_file_set_contents(), which conmon uses, renames `<id>.XXXXXX` to `<id>`. */
const TEMPORARY = /\.[A-Za-z0-9]{6}$/;
/** conmon's -1: it lost track of the process. The code is what a shell gives for a status out of range. */
const UNKNOWN_CODE = 255;

/** The directory into which conmon writes one file per ended container: its name is the ID, its content the code. */
export class ExitFiles {
  readonly directory: string;
  readonly #logger: Logger;
  readonly #reported = new Set<string>();
  readonly #listeners = new Set<(exit: ExitFile) => void>();
  #watcher: FSWatcher | undefined;

  constructor(directory: string, logger: Logger) {
    this.directory = directory;
    this.#logger = logger;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  find(id: string): ExitFile | undefined {
    const file = join(this.directory, id);
    try {
      const code = Number.parseInt(readFileSync(file, 'utf8'), 10);
      const { mtimeMs } = statSync(file);
      return { id, code: code >= 0 && code <= 255 ? code : UNKNOWN_CODE, exitedAt: Math.floor(mtimeMs) };
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** Writes a file in conmon's place. */
  write(id: string, code: number): void {
    const file = join(this.directory, id);
    writeFileSync(`${file}.engine`, `${code}`, { mode: 0o600 });
    renameSync(`${file}.engine`, file);
  }

  /** The file of that name will not be reported. */
  silence(id: string): void {
    this.#reported.add(id);
  }

  /** Removes the file, and is ready for the next one of that name. */
  remove(id: string): void {
    rmSync(join(this.directory, id), { force: true });
    this.#reported.delete(id);
  }

  /** Calls back once for each file that is there or appears. */
  watch(listener: (exit: ExitFile) => void): Disposable {
    this.#listeners.add(listener);
    this.#watcher ??= this.#startWatching();
    for (const name of readdirSync(this.directory)) this.check(name);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size > 0) return;
        this.#watcher?.close();
        this.#watcher = undefined;
      },
    };
  }

  /** Reports the file of that name if there is one that was not reported yet. */
  check(name: string): void {
    if (this.#listeners.size === 0 || TEMPORARY.test(name) || this.#reported.has(name)) return;
    const exit = this.find(name);
    if (!exit) return;
    this.#reported.add(name);
    for (const listener of this.#listeners) listener(exit);
  }

  /** It is a little quicker than waiting for conmon to end, which tells the same. */
  #startWatching(): FSWatcher | undefined {
    try {
      const watcher = watch(this.directory, { persistent: false }, (_event, name) => {
        if (name !== null) this.check(name);
      });
      watcher.on('error', error => this.#logger.warn('watching for exit codes failed', { error }));
      return watcher;
    } catch (error) {
      this.#logger.warn('cannot watch for exit codes', { error }); // the host's inotify limits
      return undefined;
    }
  }
}
