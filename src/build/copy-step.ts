import { closeSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import { type Digest, newId } from '#base/ids';
import { lookUpUser } from '#runtime/oci-spec/user-lookup';
import type { CopyInput, CopyPart } from '#store/jail-jobs';
import type { JailPool } from '#store/jail-pool';
import { openInRoot } from '#sys/openat2';
import type { AddedSource, AddSources } from './add-sources.ts';
import type { CopyPlan } from './copy-plan.ts';
import { type RootView, viewFolder } from './root-views.ts';

export interface CopyDeps {
  readonly jail: Pick<JailPool, 'run' | 'copy'>;
  readonly adds: Pick<AddSources, 'unpack'>;
}

/** What is copied from, and over. */
export interface CopyTrees {
  readonly source: RootView;
  /** a .dockerignore */
  readonly ignores: string;
  /** files of the context belong to nobody: root gets them; those of an image stay who they are */
  readonly isContext: boolean;
  /** what was fetched for it */
  readonly added: readonly AddedSource[];
  /** on a disk, gone with the build */
  readonly scratch: string;
}

const ROOT = { uid: 0, gid: 0 };
const MAX_ID = 2 ** 31 - 1;

/** Digest of what would be copied. @throws {EngineError} `notFound` for a source that is not there. */
export async function digestOfCopy(
  plan: CopyPlan,
  trees: CopyTrees,
  { jail }: CopyDeps,
  options: Abortable,
): Promise<Digest | undefined> {
  const parts = plan.sources.length === 0 ? [] : [sourcePart(plan, trees, ownerForKey(trees))];
  parts.push(...trees.added.map(source => addedPart(source, undefined)));
  if (parts.length === 0) return undefined;
  const input: CopyInput = {
    parts,
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
  { jail, adds }: CopyDeps,
  options: { readonly signal: AbortSignal },
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
    const view = await unpack(path, trees, adds, options);
    opened.push(view);
    parts.push({ root: view.fd, sources: ['/'], ignores: '', ...(chown ? { owner: chown } : {}) });
  }
  parts.push(...trees.added.map(source => addedPart(source, chown)));
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

function addedPart(
  { view, sources, isUnpacked }: AddedSource,
  chown: CopyPart['owner'] | undefined,
): CopyPart {
  const owner = chown ?? (isUnpacked ? undefined : ROOT);
  return { root: view.fd, sources, ignores: '', ...(owner ? { owner } : {}) };
}

async function findArchives(
  { sources }: CopyPlan,
  { source, ignores }: CopyTrees,
  jail: CopyDeps['jail'],
  options: Abortable,
): Promise<{ readonly plain: readonly string[]; readonly packed: readonly string[] }> {
  const found = await jail.run('findSources', { root: source.fd, sources, ignores }, options);
  return {
    plain: found.flatMap(({ name, archive }) => (archive === undefined ? literal(name) : [])),
    packed: found.flatMap(({ path, archive }) => (archive === undefined ? [] : path)),
  };
}

async function unpack(
  path: string,
  { source, scratch }: CopyTrees,
  adds: CopyDeps['adds'],
  { signal }: { readonly signal: AbortSignal },
): Promise<RootView> {
  const handle = openInRoot(
    source.fd,
    path,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  );
  try {
    // Whoever opens it may be another process: the name is that of ours.
    return viewFolder(await adds.unpack(`/proc/${process.pid}/fd/${handle}`, { scratch, signal }));
  } finally {
    closeSync(handle);
  }
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
