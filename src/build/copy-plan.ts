import { posix } from 'node:path';
import { EngineError } from '#base/errors';
import { type FileMode, parseFileMode } from '#spec/dockerfile/file-mode';
import { isRemoteAddress } from '#spec/dockerfile/git-address';
import type { AddInstruction, CopyInstruction } from '#spec/dockerfile/instructions';
import type { StageScope } from './stage-scope.ts';

/** COPY or ADD with its variables resolved. */
export interface CopyPlan {
  readonly keyword: 'COPY' | 'ADD';
  readonly from?: string;
  readonly sources: readonly string[];
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** absolute */
  readonly destination: string;
  readonly chown?: string;
  readonly mode?: FileMode;
  readonly exclude: readonly string[];
  readonly keepsParents: boolean;
  /** archives that are sources */
  readonly unpacks: boolean;
  /** addresses of files and repositories */
  readonly remotes: readonly string[];
  /** that the one of them has to have */
  readonly checksum?: string;
  readonly keepsGitDir: boolean;
  readonly unpacksRemote: boolean;
}

/** @throws {EngineError} `invalid`, `notImplemented`. */
export function planCopy(
  instruction: CopyInstruction | AddInstruction,
  scope: StageScope,
  workingDir: string,
): CopyPlan {
  const words = instruction.sources.map(word => scope.expand(word));
  const isRemote = (source: string): boolean => instruction.keyword === 'ADD' && isRemoteAddress(source);
  const sources = words.filter(word => !isRemote(word));
  const destination = scope.expand(instruction.destination);
  const chown = instruction.chown === undefined ? '' : scope.expand(instruction.chown);
  const chmod = instruction.chmod === undefined ? '' : scope.expand(instruction.chmod);
  const files = instruction.heredocs.map(({ name, content, isExpanded }) => ({
    name,
    content: isExpanded ? scope.expandBody(content) : content,
  }));
  const isMany = words.length + files.length > 1;
  if (isMany && !/(?:^|\/)\.{0,2}$/.test(destination)) {
    // Docker's wording
    throw new EngineError(
      'invalid',
      `When using ${instruction.keyword} with more than one source file, the destination must be a directory and end with a /`,
    );
  }
  return {
    keyword: instruction.keyword,
    ...(instruction.keyword === 'COPY' && instruction.from !== undefined ? { from: instruction.from } : {}),
    sources,
    files,
    destination: destinationIn(workingDir, destination),
    ...(chown === '' ? {} : { chown }),
    ...(chmod === '' ? {} : { mode: modeOf(chmod) }),
    exclude: instruction.exclude.map(word => scope.expand(word)),
    keepsParents: instruction.keyword === 'COPY' && instruction.parents,
    unpacks: instruction.keyword === 'ADD' && instruction.unpack !== false,
    remotes: words.filter(isRemote),
    ...addOptions(instruction, words, sources, scope),
  };
}

/** A slash at the end, which says that it is a directory, stays. */
function destinationIn(workingDir: string, destination: string): string {
  const path = posix.resolve('/', workingDir || '/', destination);
  return /(?:^|\/)\.{0,2}$/.test(destination) && path !== '/' ? `${path}/` : path;
}

function modeOf(text: string): FileMode {
  const mode = parseFileMode(text);
  if (mode !== undefined) return mode;
  const hint = 'it should be octal string and between 0 and 07777, or a change such as u+x,go-w';
  throw new EngineError('invalid', `invalid chmod parameter: '${text}'. ${hint}`);
}

function addOptions(
  instruction: CopyInstruction | AddInstruction,
  words: readonly string[],
  sources: readonly string[],
  scope: StageScope,
): Pick<CopyPlan, 'checksum' | 'keepsGitDir' | 'unpacksRemote'> {
  if (instruction.keyword === 'COPY') return { keepsGitDir: false, unpacksRemote: false };
  const { keepGitDir, unpack = false } = instruction;
  const options = { keepsGitDir: keepGitDir, unpacksRemote: unpack };
  const checksum = instruction.checksum === undefined ? '' : scope.expand(instruction.checksum);
  if (checksum === '') return options;
  if (words.length > 1) throw new EngineError('invalid', "checksum can't be specified for multiple sources");
  if (sources.length > 0) throw new EngineError('invalid', 'checksum requires HTTP(S) or Git sources');
  return { ...options, checksum };
}
