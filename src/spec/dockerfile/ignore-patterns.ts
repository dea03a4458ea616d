import { posix } from 'node:path';
import { EngineError, messageOf } from '#base/errors';
import { PathPattern } from './path-pattern.ts';

interface IgnorePattern {
  readonly pattern: PathPattern;
  /** with `!`: what it matches is kept */
  readonly isException: boolean;
}

const LARGEST_FILE = 1024 * 1024;
const MOST_PATTERNS = 10_000;
const MOST_REMEMBERED = 1000;

/**
 * What a build context leaves out, or COPY with `--exclude`: the last pattern that matches a path, or a folder above it, decides.
 *
 * Paths are relative, with slashes, without `.` and `..`.
 */
export class IgnorePatterns {
  readonly #patterns: readonly IgnorePattern[];
  /** folder → which patterns match it or one above it */
  readonly #matched = new Map<string, Uint8Array>();

  private constructor(patterns: readonly IgnorePattern[]) {
    if (patterns.length > MOST_PATTERNS)
      throw new EngineError('invalid', `more than ${MOST_PATTERNS} patterns of what to leave out`);
    this.#patterns = patterns;
  }

  /**
   * A `.dockerignore` file.
   *
   * @throws {EngineError} `invalid`, naming the line.
   */
  static parse(text: string): IgnorePatterns {
    if (text.length > LARGEST_FILE) {
      throw new EngineError('invalid', `.dockerignore is larger than ${LARGEST_FILE / 1024} KiB`);
    }
    const lines = text.replace(/^\uFEFF/, '').split('\n');
    return new IgnorePatterns(
      lines.flatMap((line, index) => {
        // A comment begins the line; elsewhere # is a character as others.
        if (line.startsWith('#') || line.trim() === '') return [];
        return patternOf(cleanLine(line), `.dockerignore line ${index + 1}`);
      }),
    );
  }

  /**
   * Patterns one by one.
   *
   * @throws {EngineError} `invalid`.
   */
  static of(patterns: readonly string[]): IgnorePatterns {
    return new IgnorePatterns(
      patterns.flatMap(pattern =>
        pattern.trim() === '' ? [] : patternOf(cleanLine(pattern), `pattern ${JSON.stringify(pattern)}`),
      ),
    );
  }

  /** The same, where these paths are kept whatever the patterns say: the Dockerfile and `.dockerignore` itself. */
  keeping(...paths: readonly string[]): IgnorePatterns {
    const literal = (path: string): string => path.replace(/[*?[\]\\]/g, '\\$&');
    const exceptions = paths.map(path => ({ pattern: new PathPattern(literal(path)), isException: true }));
    return new IgnorePatterns([...this.#patterns, ...exceptions]);
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** Whether the path is left out. The context itself never is. */
  ignores(path: string): boolean {
    const clean = path.endsWith('/') ? path.slice(0, -1) : path;
    if (clean === '' || clean === '.') return false;
    const above = this.#above(clean);
    let isIgnored = false;
    for (const [index, { pattern, isException }] of this.#patterns.entries()) {
      if (isException !== isIgnored) continue;
      if (above?.[index] === 1 || pattern.matches(clean)) isIgnored = !isException;
    }
    return isIgnored;
  }

  /** Whether a folder that is left out has to be looked into, because of an exception that something in it may match. */
  mayKeepBelow(folder: string): boolean {
    const names = folder.split('/');
    return this.#patterns.some(({ pattern, isException }) => isException && mayMatchBelow(pattern, names));
  }

  #above(path: string): Uint8Array | undefined {
    const slash = path.lastIndexOf('/');
    return slash <= 0 ? undefined : this.#matchedBy(path.slice(0, slash));
  }

  #matchedBy(folder: string): Uint8Array {
    const known = this.#matched.get(folder);
    if (known) return known;
    let at = 0;
    let matched = new Uint8Array(this.#patterns.length);
    // Top down and without recursion: a path may have thousands of folders.
    while (at < folder.length) {
      const slash = folder.indexOf('/', at);
      const end = slash < 0 ? folder.length : slash;
      matched = this.#andBy(matched, folder.slice(0, end));
      at = end + 1;
    }
    if (this.#matched.size >= MOST_REMEMBERED) this.#matched.clear();
    this.#matched.set(folder, matched);
    return matched;
  }

  #andBy(above: Uint8Array<ArrayBuffer>, folder: string): Uint8Array<ArrayBuffer> {
    return above.map((isMatched, index) =>
      isMatched === 1 || this.#patterns[index]?.pattern.matches(folder) ? 1 : 0,
    );
  }
}

/** Where the patterns of a Dockerfile stand, the first that there is counts. */
export function ignoreFiles(dockerfile: string): readonly string[] {
  return [`${dockerfile}.dockerignore`, '.dockerignore'];
}

interface CleanLine {
  readonly text: string;
  readonly isException: boolean;
}

function cleanLine(line: string): CleanLine {
  const trimmed = line.trim();
  const isException = trimmed.startsWith('!');
  const written = isException ? trimmed.slice(1).trim() : trimmed;
  const clean = written === '' ? '' : posix.normalize(written);
  // A slash at the end says folder, and at the beginning the context: neither makes a difference.
  const text = clean.length > 1 ? clean.replace(/\/$/, '').replace(/^\/(?=.)/, '') : clean;
  return { text, isException };
}

function patternOf({ text, isException }: CleanLine, place: string): IgnorePattern[] {
  if (text === '') throw new EngineError('invalid', `${place}: illegal exclusion pattern: "!"`);
  try {
    return [{ pattern: new PathPattern(text), isException }];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError('invalid', `${place}: syntax error in pattern: ${messageOf(error)}`);
  }
}

/** Name by name; a `**` may be anything. */
function mayMatchBelow({ source }: PathPattern, folders: readonly string[]): boolean {
  const names = source.split('/');
  return folders.every((folder, index) => {
    const name = names[index];
    if (name === undefined || names.slice(0, index + 1).some(part => part.includes('**'))) return true;
    return /[\\[]/.test(name) || new PathPattern(name).matches(folder);
  });
}
