import { statSync } from 'node:fs';

/** A file of this program, as it is on the disk when this is made: an upgrade replaces it while the program runs. */
export class OwnFile {
  readonly url: URL;
  readonly #stamp: string;

  constructor(url: URL) {
    this.url = url;
    this.#stamp = stampOf(url);
  }

  /** Whether it is another one by now, or is gone. What is loaded from there would not fit to what is running. */
  get isReplaced(): boolean {
    return stampOf(this.url) !== this.#stamp;
  }
}

/** Package managers give files any time of change, so that alone tells nothing. */
function stampOf(url: URL): string {
  const stat = statSync(url, { bigint: true, throwIfNoEntry: false });
  return stat ? [stat.dev, stat.ino, stat.size, stat.mtimeNs].join() : '';
}
