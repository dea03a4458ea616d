import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#base/errors';
import { IgnorePatterns, ignoreFiles } from '#spec/dockerfile/ignore-patterns';
import { displayName } from '#spec/tar/byte-string';
import { TAR_END, tarEntry } from '#spec/tar/tar-writer';
import { CliError } from '../cli-error.ts';
import { localTar, type Selection } from '../copy/local-tar.ts';
import { systemMessage } from '../system-message.ts';

const IGNORE_FILE = '.dockerignore';

export interface FolderContextOptions {
  readonly folder: string;
  /** of the Dockerfile in the folder; `undefined` when it is not in it */
  readonly dockerfile: string | undefined;
  /** a Dockerfile that comes from elsewhere, which is sent along under a name of its own */
  readonly foreign?: Buffer;
  /** what `<Dockerfile>.dockerignore` is next to */
  readonly dockerfilePath: string | undefined;
  readonly onEntry?: (name: string, bytes: number) => void;
}

export interface FolderContext {
  /** what the Dockerfile is called in it */
  readonly dockerfile: string;
  readonly tar: AsyncIterable<Buffer>;
}

/**
 * A tar of a folder as a build gets it: without what `.dockerignore` leaves out, everything root's, links as they are. The
 * Dockerfile is always in it, and so is `.dockerignore`, by which the engine knows that COPY is not to see either of them.
 *
 * @throws {CliError} for a `.dockerignore` that cannot be read.
 */
export function folderContext(options: FolderContextOptions): FolderContext {
  const { folder, foreign, onEntry } = options;
  const rules = readRules(options);
  // Named by what it says, so that the same build sends the same.
  const dockerfile =
    options.dockerfile ??
    `.dockerfile.${createHash('sha256')
      .update(foreign ?? '')
      .digest('hex')
      .slice(0, 20)}`;
  const patterns = rules.patterns.keeping(dockerfile, IGNORE_FILE);
  const isForeign = options.dockerfile === undefined;
  const selection = selectionOf(patterns, isForeign ? [IGNORE_FILE, dockerfile] : []);
  const packed = localTar(folder, '', {
    keepsOwners: false,
    isRough: true,
    selection,
    ...(onEntry ? { onEntry } : {}),
  });
  if (!isForeign) return { dockerfile, tar: explained(packed) };
  const ignore = `${rules.text.replace(/\n?$/, '\n')}${dockerfile}\n${rules.isThere ? '' : `${IGNORE_FILE}\n`}`;
  const extra = [
    tarEntry({ path: IGNORE_FILE }, ignore.trimStart()),
    tarEntry({ path: dockerfile }, foreign ?? ''),
  ];
  return { dockerfile, tar: explained(withExtra(packed, extra)) };
}

interface Rules {
  readonly patterns: IgnorePatterns;
  readonly text: string;
  /** the context has a `.dockerignore`, which COPY may see */
  readonly isThere: boolean;
}

function readRules({ folder, dockerfilePath }: FolderContextOptions): Rules {
  const usual = readIfThere(join(folder, IGNORE_FILE));
  const [own] = dockerfilePath === undefined ? [] : ignoreFiles(dockerfilePath);
  const special = own === undefined ? undefined : readIfThere(own);
  const text = special ?? usual ?? '';
  return { patterns: IgnorePatterns.parse(text), text, isThere: usual !== undefined };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
    throw new CliError(`error reading ${path}: ${systemMessage(error)}`, 1, { cause: error });
  }
}

function selectionOf(patterns: IgnorePatterns, replaced: readonly string[]): Selection {
  return {
    takes: name => {
      if (name === '') return false; // the folder itself has no entry
      const text = displayName(name);
      return !replaced.includes(text) && !patterns.ignores(text);
    },
    mayHold: folder => folder === '' || patterns.mayKeepBelow(displayName(folder)),
  };
}

/** The last entries, before the end of the archive. */
async function* withExtra(tar: AsyncIterable<Buffer>, extra: readonly Buffer[]): AsyncGenerator<Buffer> {
  let held: Buffer | undefined;
  for await (const chunk of tar) {
    if (held) yield held;
    held = chunk;
  }
  if (held) yield held.subarray(0, -TAR_END.length);
  yield Buffer.concat([...extra, TAR_END]);
}

/** The words of the system about a file that cannot be read. */
async function* explained(tar: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* tar;
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !(error instanceof Error) || !('path' in error)) throw error;
    const path = String(error.path);
    const what =
      code === 'EACCES' || code === 'EPERM'
        ? `no permission to read from '${path}'` // Docker's words
        : `cannot read '${path}': ${systemMessage(error)}`;
    throw new CliError(
      `error checking context: ${what}; what a build does not need is named in .dockerignore`,
      1,
      {
        cause: error,
      },
    );
  }
}
