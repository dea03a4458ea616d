import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Abortable } from '#base/abortable';
import { EngineError } from '#base/errors';
import type { Snapshotter } from '#snapshot/snapshotter';
import { ignoreFiles } from '#spec/dockerfile/ignore-patterns';
import type { JailPool } from '#store/jail-pool';
import { readFileInRoot } from '#sys/openat2';
import type { BuildDeps } from './build-deps.ts';
import type { BuildContext, DockerfileSource } from './build-request.ts';
import { type RootView, viewFolder, viewIndex } from './root-views.ts';

/** The files of a build context, in a folder. */
export interface OpenContext {
  readonly view: RootView;
  /** its .dockerignore */
  readonly ignores: string;
}

const MAX_DOCKERFILE_BYTES = 2 * 1024 * 1024;
const MAX_IGNORE_BYTES = 1024 * 1024;
const RESERVE_BYTES = 64 * 1024 * 1024;

export interface ContextDeps extends Pick<BuildDeps, 'mounts' | 'folders'> {
  readonly jail: Pick<JailPool, 'extract' | 'index'>;
  readonly snapshots: Pick<Snapshotter, 'driver'>;
}

/**
 * The caller disposes it. An archive is not unpacked where the kernel can mount an index over it.
 *
 * @param folder for what has to be unpacked; it must not exist
 */
export async function openFolder(
  context: BuildContext,
  folder: string,
  deps: ContextDeps,
  options: Abortable,
): Promise<RootView> {
  if (context.kind === 'directory') return viewFolder(context.path);
  mkdirSync(folder, { mode: 0o755 });
  if (context.kind === 'none') return viewFolder(folder);
  const whiteouts = 'none'; // names like others
  const directory = folder;
  if (deps.snapshots.driver === 'erofs') {
    await deps.jail.index(
      { archive: { path: context.path }, directory, whiteouts, isTemporary: true },
      options,
    );
    return viewIndex(folder, deps);
  }
  const input = { archive: context.path, directory, whiteouts, reserveBytes: RESERVE_BYTES } as const;
  await deps.jail.extract(input, options);
  return viewFolder(folder);
}

/** @throws {EngineError} `invalid` when it is not there or too large. */
export function readDockerfile(source: DockerfileSource, { fd }: RootView): Buffer {
  if (source.kind === 'text') return Buffer.from(source.text);
  const path = source.path === '' ? 'Dockerfile' : source.path;
  const bytes =
    readBounded(fd, path, MAX_DOCKERFILE_BYTES) ??
    // As Docker's clients have it: the other case counts when nobody named a file.
    (path === 'Dockerfile' ? readBounded(fd, 'dockerfile', MAX_DOCKERFILE_BYTES) : undefined);
  if (bytes) return bytes;
  throw new EngineError(
    'invalid',
    `failed to read dockerfile: open ${path}: no such file or directory in the build context; --file names another one`,
  );
}

/** `NAME.dockerignore` beside the Dockerfile goes before the one of the context. */
export function readIgnores(source: DockerfileSource, { fd }: RootView): string {
  const name = source.kind === 'path' ? source.path || 'Dockerfile' : (source.name ?? 'Dockerfile');
  for (const path of ignoreFiles(name)) {
    const bytes = readBounded(fd, path, MAX_IGNORE_BYTES);
    if (bytes) return bytes.toString('utf8');
  }
  return '';
}

function readBounded(fd: number, path: string, maxBytes: number): Buffer | undefined {
  try {
    return readFileInRoot(fd, join('/', path), { maxBytes });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EngineError('invalid', `${error.message}, which is more than a build reads`, { cause: error });
  }
}
