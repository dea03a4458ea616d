import { EngineError } from '#base/errors';
import { displayName } from '#spec/tar/byte-string';
import { readDirectory, statIfThere } from '#sys/at';
import type { FileChange, LayerChangesInput } from './jail-jobs.ts';
import { isMountStub } from './mount-stubs.ts';
import { isAlike, isDirectory, isWhiteout, OpenDirectories } from './stack-directories.ts';

/** Each level costs a descriptor for each layer that has it. */
const MAX_DEPTH = 1000;
/** They are sent as one document. */
const MAX_CHANGES = 1_000_000;
/** Names of the directories on the way, for the memory of a thread. */
const MOST_NAMES = 3_000_000;

/**
 * What a container's layer changes of the layers below it, in the order of a walk: names of a directory sorted, each before
 * what is in it. A directory is changed when something in it is, or its own attributes. No content is read.
 */
export function layerChanges({ layer, below }: LayerChangesInput, shouldStop: () => boolean): FileChange[] {
  const finder = new ChangeFinder(shouldStop);
  using own = OpenDirectories.of([layer]);
  using lower = OpenDirectories.of(below);
  finder.directory(own, lower, '', 0);
  return finder.changes;
}

class ChangeFinder {
  readonly changes: FileChange[] = [];
  readonly #shouldStop: () => boolean;
  #names = 0;

  constructor(shouldStop: () => boolean) {
    this.#shouldStop = shouldStop;
  }

  directory(own: OpenDirectories, below: OpenDirectories, path: string, depth: number): void {
    if (this.#shouldStop()) throw new EngineError('cancelled', 'the operation was cancelled');
    if (depth > MAX_DEPTH) throw new EngineError('invalid', `"${displayName(path)}" is too deep`);
    const [fd] = own.fds;
    if (fd === undefined) return;
    /** whether a name is of the directory's own */
    const names = new Map<string, boolean>();
    for (const { name } of readDirectory(fd)) this.#note(names, name, true);
    // What an opaque directory has of its own stands alone: the rest of what was there is gone.
    for (const lower of own.hidesBelow ? below.fds : []) {
      for (const { name } of readDirectory(lower)) this.#note(names, name, false);
    }
    for (const text of [...names.keys()].sort(byCode)) {
      const name = Buffer.from(`${text}\0`, 'latin1');
      const place = `${path}/${text}`;
      if (names.get(text)) this.#entry(own, below, { fd, name, place }, depth);
      else if (below.visible(name)) this.#add('deleted', place);
    }
    this.#names -= names.size;
  }

  #note(names: Map<string, boolean>, name: Buffer, isOwn: boolean): void {
    const text = textOf(name);
    if (names.has(text)) return;
    names.set(text, isOwn);
    this.#names += 1;
    if (this.#names > MOST_NAMES)
      throw new EngineError('invalid', 'a directory of the container has too many files');
  }

  #entry(
    own: OpenDirectories,
    below: OpenDirectories,
    { fd, name, place }: { readonly fd: number; readonly name: Buffer; readonly place: string },
    depth: number,
  ): void {
    const stat = statIfThere(fd, name);
    if (!stat) return;
    const before = below.visible(name);
    if (isWhiteout(stat)) {
      if (before) this.#add('deleted', place);
      return;
    }
    if (isMountStub(fd, below, name, place.slice(1))) return;
    if (!isDirectory(stat)) return this.#add(before ? 'modified' : 'added', place);
    using directories = own.below(name);
    using lower = below.below(name);
    const at = this.changes.length;
    this.directory(directories, lower, place, depth + 1);
    if (!before) this.#add('added', place, at);
    else if (this.changes.length > at || !isDirectory(before) || !isAlike(directories, lower))
      this.#add('modified', place, at);
  }

  #add(kind: FileChange['kind'], place: string, at = this.changes.length): void {
    if (this.changes.length >= MAX_CHANGES) {
      throw new EngineError(
        'invalid',
        `the container has changed more than ${MAX_CHANGES} files: export it to see them all`,
      );
    }
    this.changes.splice(at, 0, { path: displayName(place), kind });
  }
}

function textOf(name: Buffer): string {
  return name.toString('latin1', 0, name.length - 1);
}

function byCode(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
