import { closeSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError, notImplemented } from '#base/errors';
import { type Digest, newId } from '#base/ids';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import type { AddInstruction, CopyInstruction } from '#spec/dockerfile/instructions';
import type { CopyInput, CopyPart } from '#store/jail-jobs';
import type { JailPool } from '#store/jail-pool';
import { openInRoot } from '#sys/openat2';
import { type RootView, viewFolder } from './root-views.ts';
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
  readonly mode?: number;
  readonly exclude: readonly string[];
  readonly keepsParents: boolean;
  readonly unpacks: boolean;
}

export interface CopyDeps {
  readonly jail: Pick<JailPool, 'run' | 'copy' | 'extract'>;
}

/** What is copied from, and over. */
export interface CopyTrees {
  readonly source: RootView;
  /** a .dockerignore */
  readonly ignores: string;
  /** files of the context belong to nobody: root gets them; those of an image stay who they are */
  readonly isContext: boolean;
  /** on a disk, gone with the build */
  readonly scratch: string;
}

const ROOT = { uid: 0, gid: 0 };
const MAX_ID = 2 ** 31 - 1;

/** @throws {EngineError} `invalid`, `notImplemented`. */
export function planCopy(
  instruction: CopyInstruction | AddInstruction,
  scope: StageScope,
  workingDir: string,
): CopyPlan {
  const sources = instruction.sources.map(word => scope.expand(word));
  const remote = instruction.keyword === 'ADD' ? sources.find(isRemote) : undefined;
  if (remote !== undefined) throw notImplemented(`ADD of an address (${remote})`);
  const destination = scope.expand(instruction.destination);
  const chown = instruction.chown === undefined ? '' : scope.expand(instruction.chown);
  const chmod = instruction.chmod === undefined ? '' : scope.expand(instruction.chmod);
  const files = instruction.heredocs.map(({ name, content, isExpanded }) => ({
    name,
    content: isExpanded ? scope.expandBody(content) : content,
  }));
  const isMany = sources.length + files.length > 1;
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
  };
}

/** A slash at the end, which says that it is a directory, stays. */
function destinationIn(workingDir: string, destination: string): string {
  const path = posix.resolve('/', workingDir || '/', destination);
  return /(?:^|\/)\.{0,2}$/.test(destination) && path !== '/' ? `${path}/` : path;
}

function modeOf(text: string): number {
  if (/^[0-7]{1,5}$/.test(text)) return Number.parseInt(text, 8) & 0o7777;
  if (/^[ugoa]*[-+=]/.test(text)) throw notImplemented(`--chmod=${text} (octal modes work: --chmod=755)`);
  throw new EngineError(
    'invalid',
    `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
  );
}

function isRemote(source: string): boolean {
  return /^(?:https?|ftp|git|ssh):\/\/|^git@/.test(source);
}

/** Digest of what would be copied. @throws {EngineError} `notFound` for a source that is not there. */
export async function digestOfCopy(
  plan: CopyPlan,
  trees: CopyTrees,
  { jail }: CopyDeps,
  options: Abortable,
): Promise<Digest | undefined> {
  if (plan.sources.length === 0) return undefined;
  const input: CopyInput = {
    parts: [sourcePart(plan, trees, ownerForKey(trees))],
    exclude: plan.exclude,
    destination: '/',
    owner: ROOT,
    keepsParents: plan.keepsParents,
    createdSeconds: 0,
  };
  return (await jail.run('packCopy', input, options)).digest;
}

/** `--chown` counts by what it says: names are looked up in what is below, which counts too. */
function ownerForKey({ isContext }: CopyTrees): CopyPart['owner'] | undefined {
  return isContext ? ROOT : undefined;
}

/** The layer that is copied. `onEnd`: the trees are not read any more. */
export async function copyLayer(
  plan: CopyPlan,
  trees: CopyTrees,
  { base, createdSeconds }: { readonly base: RootView | undefined; readonly createdSeconds: number },
  { jail }: CopyDeps,
  options: Abortable,
): Promise<{ readonly tar: Readable; readonly ended: Promise<void> }> {
  const chown = plan.chown === undefined ? undefined : ownerOf(plan.chown, base);
  const own = chown ?? (trees.isContext ? ROOT : undefined);
  const opened: RootView[] = [];
  const parts: CopyPart[] = [];
  if (plan.files.length > 0) {
    const view = writeFiles(plan, trees.scratch);
    opened.push(view);
    parts.push({
      root: view.fd,
      sources: plan.files.map(({ name }) => literal(name)),
      ignores: '',
      owner: chown ?? ROOT,
    });
  }
  const archives = plan.unpacks ? await findArchives(plan, trees, jail, options) : undefined;
  const plain = archives === undefined ? plan.sources : archives.plain;
  if (plain.length > 0) parts.push(sourcePart({ ...plan, sources: plain }, trees, own));
  for (const path of archives?.packed ?? []) {
    const view = await unpack(path, trees, jail, options);
    opened.push(view);
    parts.push({ root: view.fd, sources: ['/'], ignores: '', ...(chown ? { owner: chown } : {}) });
  }
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const onEnd = async (): Promise<void> => {
    await Promise.all(opened.map(async view => await view[Symbol.asyncDispose]()));
    resolve();
  };
  const input: Omit<CopyInput, 'fd'> = {
    parts,
    exclude: plan.exclude,
    destination: plan.destination,
    ...(base ? { base: base.fd } : {}),
    owner: chown ?? ROOT,
    ...(plan.mode === undefined ? {} : { mode: plan.mode }),
    keepsParents: plan.keepsParents,
    createdSeconds,
  };
  return { tar: jail.copy(input, { ...options, onEnd: () => void onEnd() }), ended };
}

function sourcePart(
  { sources }: Pick<CopyPlan, 'sources'>,
  { source, ignores }: CopyTrees,
  owner: CopyPart['owner'],
): CopyPart {
  return { root: source.fd, sources, ignores, ...(owner ? { owner } : {}) };
}

async function findArchives(
  { sources }: CopyPlan,
  { source, ignores }: CopyTrees,
  jail: CopyDeps['jail'],
  options: Abortable,
): Promise<{ readonly plain: readonly string[]; readonly packed: readonly string[] }> {
  const found = await jail.run('findSources', { root: source.fd, sources, ignores }, options);
  const foreign = found.find(({ archive }) => archive === 'foreign');
  if (foreign)
    throw notImplemented(
      `ADD ${foreign.name.slice(1)}: unpacking xz and bzip2 (COPY it and unpack it in a RUN, or use gzip or zstd)`,
    );
  return {
    plain: found.flatMap(({ name, archive }) => (archive === undefined ? literal(name) : [])),
    packed: found.flatMap(({ path, archive }) => (archive === 'archive' ? path : [])),
  };
}

async function unpack(
  path: string,
  { source, scratch }: CopyTrees,
  jail: CopyDeps['jail'],
  options: Abortable,
): Promise<RootView> {
  const folder = join(scratch, `a-${newId<string>()}`);
  mkdirSync(folder, { mode: 0o755 });
  const handle = openInRoot(
    source.fd,
    path,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  try {
    const archive = `/proc/self/fd/${handle}`;
    await jail.extract({ archive, directory: folder, whiteouts: 'none' }, options);
  } finally {
    closeSync(handle);
  }
  return viewFolder(folder);
}

/** A name that is to stand for itself where patterns can stand. */
function literal(name: string): string {
  return name.replace(/[*?[\\]/g, String.raw`\$&`);
}

function writeFiles({ files }: CopyPlan, scratch: string): RootView {
  const folder = join(scratch, `h-${newId<string>()}`);
  mkdirSync(folder, { mode: 0o755 });
  for (const { name, content } of files) {
    if (/^\.{0,2}$|\/|\0/.test(name))
      throw new EngineError('invalid', `a here-document cannot make a file called "${name}"`);
    writeFileSync(join(folder, name), content, { mode: 0o644 });
  }
  return viewFolder(folder);
}

/** `user[:group]`, by name or number; a number alone is both. @throws {EngineError} `invalid` for a name that is not there. */
function ownerOf(chown: string, base: RootView | undefined): { readonly uid: number; readonly gid: number } {
  const [, user = '', group = user] = /^([0-9]+)(?::([0-9]+))?$/.exec(chown) ?? [];
  if (user !== '') return { uid: idOf(user), gid: idOf(group) };
  if (!base)
    throw new EngineError(
      'invalid',
      `--chown=${chown}: there are no names of users where nothing is yet: give numbers`,
    );
  const { uid, gid } = lookUpUser(base.fd, chown);
  return { uid, gid };
}

function idOf(text: string): number {
  const id = Number(text);
  if (id <= MAX_ID) return id;
  throw new EngineError('invalid', `uids and gids must be in range 0-${MAX_ID}`);
}
