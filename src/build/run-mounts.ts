import { chownSync, closeSync, constants, fstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Abortable } from '#base/abortable';
import { EngineError, notImplemented } from '#base/errors';
import type { ResolvedMount } from '#runtime/oci-spec/mounts';
import type { CacheRunMount, ResolvedRunMount } from '#spec/dockerfile/run-mount';
import { byteString } from '#spec/tar/byte-string';
import type { JailPool } from '#store/jail-pool';
import { O_PATH } from '#sys/descriptors';
import type { Mounts } from '#sys/mount';
import { openInRoot, resolveInRoot } from '#sys/openat2';
import { isErrno } from '#sys/sys-error';
import { type BuildFolders, removeEmpty } from './build-folders.ts';
import type { CacheMount, CacheMountRequest, CacheMounts } from './cache-mounts.ts';
import type { RootView } from './root-views.ts';

/** What a step finds mounted, and what it must not leave in its layer. */
export interface PlacedMounts {
  readonly mounts: readonly ResolvedMount[];
  /** secrets that are variables */
  readonly env: readonly string[];
  /** where something was mounted, and directories on the way there: paths without a `/` in front */
  readonly stubs: readonly string[];
}

export interface RunMountsDeps {
  readonly folders: BuildFolders;
  readonly mounts: Pick<Mounts, 'mount' | 'detach'>;
  readonly cache: CacheMounts;
  readonly jail: Pick<JailPool, 'copyTree'>;
}

/** Where the mounts of one step come from. */
export interface MountSources {
  /** a stage, context or image by its name, or the build context; stays open until the build is over */
  readonly open: (from: string | undefined) => Promise<RootView>;
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** on a disk, for what is written and thrown away */
  readonly scratch: string;
  readonly workingDir: string;
}

interface Place {
  readonly id: string;
  readonly rootfs: string;
}

/** A mount on its way into a bundle. */
interface Placing {
  readonly place: Place;
  readonly index: number;
  readonly parts: AsyncDisposableStack;
}

const { S_IFDIR, S_IFMT, S_IFREG } = constants;

/** An executable that `RUN <<EOF` with `#!` makes. */
export interface RunScript {
  readonly path: string;
  readonly content: string;
}

/**
 * Puts sources of mounts into a bundle. Each is found by a handle, and bound by that to a place that only the engine reaches, from where
 * the runtime takes it: a step that runs at the same time and swaps a directory of a cache for a link changes nothing.
 */
export class RunMounts {
  readonly #deps: RunMountsDeps;

  constructor(deps: RunMountsDeps) {
    this.#deps = deps;
  }

  /** @throws {EngineError} `notFound`, `invalid`, `notImplemented`. */
  async place(
    wanted: readonly ResolvedRunMount[],
    sources: MountSources,
    place: Place,
    {
      parts,
      script,
      ...options
    }: Abortable & { readonly parts: AsyncDisposableStack; readonly script?: RunScript },
  ): Promise<PlacedMounts> {
    const mounts: ResolvedMount[] = [];
    const env: string[] = [];
    const stubs: string[] = [];
    const caches = await this.#caches(wanted, parts, options);
    for (const [index, mount] of wanted.entries()) {
      const target = targetOf(mount, sources.workingDir, place.rootfs);
      const made = await this.#one(mount, target ?? '', sources, { place, index, parts, caches }, options);
      env.push(...made.env);
      if (!made.mount) continue;
      mounts.push(made.mount);
      stubs.push(...onTheWay(made.mount.destination));
    }
    if (script) mounts.push(this.#script(script, place, parts));
    return { mounts, env, stubs };
  }

  /**
   * Takes the caches of a step: each once, and all steps in the same order. Two that want the same locked ones never wait for each other,
   * and none for itself.
   */
  async #caches(
    wanted: readonly ResolvedRunMount[],
    parts: AsyncDisposableStack,
    options: Abortable,
  ): Promise<ReadonlyMap<string, CacheMount>> {
    const mounts = wanted.filter(mount => mount.type === 'cache');
    const caches = new Map<string, CacheMount>();
    for (const mount of mounts.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
      const key = cacheKey(mount);
      if (!caches.has(key)) caches.set(key, parts.use(await this.#deps.cache.acquire(mount, options)));
    }
    return caches;
  }

  async #one(
    mount: ResolvedRunMount,
    target: string,
    sources: MountSources,
    placing: Placing & { readonly caches: ReadonlyMap<string, CacheMount> },
    options: Abortable,
  ): Promise<{ readonly mount?: ResolvedMount; readonly env: readonly string[] }> {
    switch (mount.type) {
      case 'bind': {
        const view = await sources.open(mount.from);
        const source = this.#bind(view.fd, mount.source, { ...placing, isReadOnly: true });
        if (!mount.isWritable) return { mount: bound(source, target, { isWritable: false }), env: [] };
        const copy = await this.#writable({ path: source, shown: mount.source }, sources.scratch, placing);
        return { mount: bound(copy, target, { isWritable: true }), env: [] };
      }
      case 'cache': {
        const cache = placing.caches.get(cacheKey(mount));
        if (!cache) throw new TypeError('all caches of a step are taken before');
        if (mount.from !== undefined) await this.#fill(cache.path, mount, sources, options);
        // What it is filled with lies at its root.
        const path = mount.from === undefined ? mount.source || '/' : '/';
        const source = this.#bind(cache.path, path, { ...placing, isReadOnly: mount.isReadOnly });
        return { mount: bound(source, target, { isWritable: !mount.isReadOnly }), env: [] };
      }
      case 'tmpfs': {
        const size = mount.sizeBytes === undefined ? '' : `,size=${mount.sizeBytes}`;
        const made = {
          ...bound('', target, { isWritable: true }),
          type: 'tmpfs',
          tmpfsOptions: `mode=1777${size}`,
        } as const;
        return { mount: made, env: [] };
      }
      case 'secret':
        return this.#secret(mount, target, sources.secrets, placing);
      case 'ssh':
        throw notImplemented('RUN --mount=type=ssh');
    }
  }

  /** Only while it is empty: what steps have put there stays. */
  async #fill(
    path: string,
    { from, source }: CacheRunMount,
    sources: MountSources,
    options: Abortable,
  ): Promise<void> {
    const view = await sources.open(from);
    const isThere = await this.#deps.jail.copyTree({ root: view.path, path: source || '/' }, path, options);
    if (!isThere)
      throw new EngineError('notFound', `failed to find the source of a mount: "${source}": not found`);
  }

  #secret(
    mount: ResolvedRunMount & { readonly type: 'secret' | 'ssh' },
    target: string,
    secrets: ReadonlyMap<string, Buffer>,
    { place, index, parts }: Placing,
  ): { readonly mount?: ResolvedMount; readonly env: readonly string[] } {
    const content = secrets.get(mount.id);
    if (content === undefined) {
      if (mount.isRequired) throw noSecret(mount.id);
      return { env: [] };
    }
    const env = mount.env === undefined ? [] : [`${mount.env}=${content.toString('utf8')}`];
    if (mount.target === undefined) return { env };
    const file = this.#deps.folders.file(place.id, `s${index}`);
    parts.defer(() => rmSync(file, { force: true }));
    writeFileSync(file, content, { flag: 'wx', mode: mount.mode });
    chownSync(file, mount.uid, mount.gid);
    return { mount: bound(file, target, { isWritable: false }), env };
  }

  #script({ path, content }: RunScript, { id }: Place, parts: AsyncDisposableStack): ResolvedMount {
    const file = this.#deps.folders.file(id, 'script');
    parts.defer(() => rmSync(file, { force: true }));
    writeFileSync(file, content, { flag: 'wx', mode: 0o755 });
    return bound(file, path, { isWritable: false });
  }

  /** @returns the trusted place where it is bound */
  #bind(
    root: string | number,
    source: string,
    { place, index, parts, isReadOnly }: Placing & { readonly isReadOnly: boolean },
  ): string {
    const { mounts, folders } = this.#deps;
    const handle = openSource(root, source);
    const target = folders.file(place.id, `m${index}`);
    try {
      const isDirectory = (fstatSync(handle).mode & S_IFMT) === S_IFDIR;
      parts.defer(async () => {
        await mounts.detach(target);
        if (isDirectory) removeEmpty(target);
        else rmSync(target, { force: true });
      });
      if (isDirectory) mkdirSync(target);
      else writeFileSync(target, '', { flag: 'wx' });
      const options = ['bind', ...(isReadOnly ? ['ro'] : []), 'private'];
      mounts.mount(target, { type: 'bind', source: `/proc/self/fd/${handle}`, options });
      return target;
    } finally {
      closeSync(handle);
    }
  }

  /** What is written to it is gone with the step. */
  async #writable(
    { path: source, shown }: { readonly path: string; readonly shown: string },
    scratch: string,
    { place, index, parts }: Placing,
  ): Promise<string> {
    const { mounts, folders } = this.#deps;
    const kind = kindOf(source);
    // Opening a pipe would wait for ever, and opening a device would read the host's.
    if (kind !== S_IFDIR && kind !== S_IFREG)
      throw new EngineError(
        'invalid',
        `"${shown}" is neither a file nor a directory: it cannot be mounted to be written to (rw)`,
      );
    const changes = join(scratch, `w-${place.id}-${index}`);
    mkdirSync(changes, { mode: 0o700 });
    if (kind === S_IFREG) {
      const copy = join(changes, 'file');
      await copyFile(source, copy);
      return copy;
    }
    const [upper, work] = [join(changes, 'upper'), join(changes, 'work')];
    mkdirSync(upper, { mode: 0o755 });
    mkdirSync(work);
    const target = folders.file(place.id, `m${index}w`);
    mkdirSync(target);
    parts.defer(async () => {
      await mounts.detach(target);
      removeEmpty(target);
    });
    const options = [`lowerdir=${escaped(source)}`, `upperdir=${escaped(upper)}`, `workdir=${escaped(work)}`];
    mounts.mount(target, {
      type: 'overlay',
      source: 'overlay',
      options: [...options, 'index=off', 'private'],
    });
    return target;
  }
}

function cacheKey({ sharing, id }: Pick<CacheMountRequest, 'sharing' | 'id'>): string {
  return `${sharing} ${id}`;
}

function kindOf(path: string): number {
  const handle = openInRoot('/', path, O_PATH);
  try {
    return fstatSync(handle).mode & S_IFMT;
  } finally {
    closeSync(handle);
  }
}

function escaped(path: string): string {
  return path.replace(/[\\:,]/g, String.raw`\$&`);
}

function openSource(root: string | number, source: string): number {
  try {
    return openInRoot(root, posix.join('/', source), O_PATH);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) throw error;
    throw new EngineError('notFound', `failed to find the source of a mount: "${source}": not found`);
  }
}

/** Where it really is in the image: links of that are resolved here, not by the runtime. `undefined`: a secret that is no file. */
function targetOf(mount: ResolvedRunMount, workingDir: string, rootfs: string): string | undefined {
  const { target } = mount;
  if (target === undefined) return undefined;
  const place = resolved(rootfs, posix.resolve('/', workingDir, target));
  if (place !== '/') return place;
  throw new EngineError('invalid', `invalid mount target "${target}": the root cannot be mounted over`);
}

function resolved(rootfs: string, path: string): string {
  try {
    return resolveInRoot(rootfs, path);
  } catch (error) {
    if (!isErrno(error, 'ELOOP', 'ENAMETOOLONG')) throw error;
    throw new EngineError(
      'invalid',
      `invalid mount target "${path}": links of the image lead round in circles`,
    );
  }
}

function bound(
  source: string,
  destination: string,
  { isWritable }: { readonly isWritable: boolean },
): ResolvedMount {
  return {
    type: 'bind',
    source,
    destination,
    isWritable,
    propagation: 'rprivate',
    recursiveReadOnly: 'disabled',
  };
}

/** A place and all directories on the way to it: which of them are new shows when the layer is made. */
function onTheWay(destination: string): string[] {
  const parts = byteString(destination).split('/').filter(Boolean);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Docker's wording, and what gives it. */
function noSecret(id: string): EngineError {
  return new EngineError(
    'notFound',
    `secret ${id}: not found: give it to the build with --secret id=${id},src=FILE (or env=NAME)`,
  );
}
