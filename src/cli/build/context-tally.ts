import { homedir } from 'node:os';
import { humanSize } from '../format/human.ts';

/** More is seldom meant: sources are small, what is built from them and what was downloaded for them is not. */
const LARGE_BYTES = 256 * 1024 * 1024;
const MANY_FILES = 100_000;
const MOST_SHOWN = 3;

/** Counts what is sent, and tells once, while there is time to stop it, when it is more than people mean to send. */
export class ContextTally {
  readonly #warn: (text: string) => void;
  readonly #byTop = new Map<string, number>();
  #files = 0;
  #bytes = 0;
  #hasTold = false;

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  readonly onEntry = (name: string, bytes: number): void => {
    const top = name.split('/', 1)[0] ?? name;
    this.#byTop.set(top, (this.#byTop.get(top) ?? 0) + bytes);
    this.#bytes += bytes;
    this.#files += 1;
    if (this.#hasTold || (this.#bytes < LARGE_BYTES && this.#files < MANY_FILES)) return;
    this.#hasTold = true;
    this.#warn(this.#text());
  };

  #text(): string {
    const largest = [...this.#byTop]
      .toSorted((one, other) => other[1] - one[1])
      .slice(0, MOST_SHOWN)
      .map(([name, bytes]) => `${Buffer.from(name, 'latin1')} ${humanSize(bytes, 3)}`);
    return [
      `Note: the build context is large, ${humanSize(this.#bytes, 3)} in ${this.#files} files so far: ${largest.join(', ')}.`,
      '      It is sent to the engine for each build; name what the Dockerfile does not need in .dockerignore.',
    ].join('\n');
  }
}

/** A note for folders that nobody means to send as a whole. */
export function wholeFolderNote(folder: string): string | undefined {
  const what =
    folder === '/' ? 'the whole file system' : folder === homedir() ? 'your home folder' : undefined;
  return (
    what &&
    `Note: the build context is ${what}: all of it is sent to the engine. Put the Dockerfile and what it needs into a folder of their own.`
  );
}
