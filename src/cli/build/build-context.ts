import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Readable } from 'node:stream';
import { isGitAddress, isRemoteAddress, parseGitAddress } from '#spec/dockerfile/git-address';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { clonedContext } from './cloned-context.ts';
import { ContextTally, wholeFolderNote } from './context-tally.ts';
import { findDockerfile, realFolder } from './dockerfile-place.ts';
import { folderContext } from './folder-context.ts';
import { stdinContext, wholeText } from './stdin-context.ts';

/** What a build is made from, ready to be sent. */
export interface OpenedContext {
  /** of the Dockerfile in the context, `''` for the engine's default */
  readonly dockerfile: string;
  /** what the engine gets from elsewhere; then there is no body */
  readonly remote?: string;
  readonly body?: AsyncIterable<Buffer>;
  /** for messages, where it is known on this side: what the user calls the Dockerfile, and what is in it */
  readonly shown?: { readonly name: string; readonly text: string };
  /** to be called when it was sent, or will not be */
  readonly close?: () => void;
}

/**
 * Opens what `build` is given: a folder, `-` for standard input, or the address of a git repository or of a file. `-f -` takes
 * the Dockerfile from standard input.
 *
 * @throws {CliError} in Docker's words, before anything is sent.
 */
export async function openContext(context: CliContext, place: string, file: string): Promise<OpenedContext> {
  if (place === '-') return await fromStdin(context, file);
  if (existsSync(place)) return await fromFolder(context, place, file);
  if (!isRemoteAddress(place))
    throw new CliError(`unable to prepare context: path ${JSON.stringify(place)} not found`);
  if (file === '-')
    throw new CliError('not implemented: a Dockerfile from standard input for a context from elsewhere');
  if (isGitAddress(place) && parseGitAddress(place).scheme === 'ssh')
    return await fromClone(context, place, file);
  return { dockerfile: file, remote: place };
}

/** By the user's keys, which the engine does not have. */
async function fromClone(context: CliContext, address: string, file: string): Promise<OpenedContext> {
  const cloned = await clonedContext(address, context.env);
  const close = (): void => cloned[Symbol.dispose]();
  try {
    const name = file === '' || isAbsolute(file) ? file : join(cloned.folder, file);
    return { ...(await fromFolder(context, cloned.folder, name)), close };
  } catch (error) {
    close();
    throw error;
  }
}

async function fromStdin({ stdin, warn }: CliContext, file: string): Promise<OpenedContext> {
  if (file === '-')
    throw new CliError("invalid argument: can't use stdin for both build context and dockerfile");
  if (stdin.isTTY) warn('Reading a Dockerfile or a tar archive from the terminal; it ends with Ctrl-D.');
  const { dockerfile, body, text } = await stdinContext(stdin, file);
  return { dockerfile, body, ...(text === undefined ? {} : { shown: { name: 'Dockerfile', text } }) };
}

async function fromFolder({ stdin, warn }: CliContext, place: string, file: string): Promise<OpenedContext> {
  const note = wholeFolderNote(realFolder(place));
  if (note !== undefined) warn(note);
  const { onEntry } = new ContextTally(warn);
  if (file === '-') {
    const foreign = await wholeText(stdin, 'the Dockerfile from standard input');
    const folder = realFolder(place);
    const { dockerfile, tar } = folderContext({
      folder,
      dockerfile: undefined,
      foreign,
      dockerfilePath: undefined,
      onEntry,
    });
    return { dockerfile, body: Readable.from(tar), shown: { name: '-', text: foreign.toString() } };
  }
  const found = findDockerfile(place, file);
  const path = join(found.folder, found.name);
  const text = readFileSync(path);
  const isForeign = found.name.startsWith('../');
  const { dockerfile, tar } = folderContext({
    folder: found.folder,
    dockerfile: isForeign ? undefined : found.name,
    ...(isForeign ? { foreign: text } : {}),
    dockerfilePath: path,
    onEntry,
  });
  return { dockerfile, body: tar, shown: { name: file === '' ? found.name : file, text: text.toString() } };
}
