import { closeSync, constants } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { codeOf, EngineError, messageOf } from '#base/errors';
import { TarParser } from '#spec/tar/tar-parser';
import { adoptAttributes } from '#sys/adopt-attributes';
import { copyTree } from '#sys/copy-tree';
import { ThreadJail } from '#sys/jail';
import { linuxMounts } from '#sys/mount';
import { openInRoot } from '#sys/openat2';
import { removeTree } from '#sys/remove-tree';
import { relabelTree } from '#sys/selinux';
import { syncFileSystem } from '#sys/sync-fs';
import { SysError } from '#sys/sys-error';
import { threadLoaded } from '#sys/thread';
import { treeUsage } from '#sys/tree-usage';
import { type ArchiveFacts, type ArchiveInput, ArchiveSource } from './archive-source.ts';
import { bindInto } from './bind-into.ts';
import { bindPart } from './bind-part.ts';
import { packCopy } from './copy-packer.ts';
import { findArchives } from './copy-sources.ts';
import { RESERVE_BYTES } from './disk-space.ts';
import { findGzipRecipe, rebuildGzip } from './gzip-recipe.ts';
import {
  type ExtractInput,
  type ExtractResult,
  JAIL_CLOSE,
  type JailFailure,
  type JailJobName,
  type JailJobs,
  type JailReply,
  type JailRequest,
  type JailResult,
} from './jail-jobs.ts';
import { LayerExtractor } from './layer-extractor.ts';
import { indexLayer, sealIndex } from './layer-indexer.ts';
import { frameLayer, proveLayer } from './layer-packer.ts';
import { lookAt } from './look-at.ts';
import { renameOpaque } from './opaque-file.ts';
import { layerChanges } from './stack-changes.ts';
import { packLayers } from './stack-packer.ts';
import { packTree } from './tree-packer.ts';
import { writeTree } from './tree-writer.ts';

/**
 * The entry of a worker thread that touches untrusted trees. Everything it needs is imported above, before any
 * jail is entered: inside one nothing may be loaded.
 */

threadLoaded();
const jail = new ThreadJail();

type ShouldStop = () => boolean;
type Handlers = {
  readonly [N in JailJobName]: (
    input: JailJobs[N]['input'],
    shouldStop: ShouldStop,
  ) => JailJobs[N]['output'] | Promise<JailJobs[N]['output']>;
};

const handlers: Handlers = {
  extract,
  measure,
  index: indexLayer,
  findRecipe: findGzipRecipe,
  rebuild: rebuildGzip,
  sealIndex: async input => {
    await sealIndex(input);
    return undefined;
  },
  adopt: ({ layer, parents, paths }) => {
    adoptAttributes(layer, parents, paths);
    return undefined;
  },
  frameLayer,
  renameOpaque,
  proveLayer: async (input, shouldStop) => {
    await proveLayer(input, shouldStop);
    return undefined;
  },
  copyTree: (input, shouldStop) => copyTree(input, shouldStop),
  pack: (input, shouldStop) => {
    packTree(input, shouldStop);
    return undefined;
  },
  packLayers: (input, shouldStop) => {
    packLayers(input, shouldStop);
    return undefined;
  },
  packCopy,
  findSources: findArchives,
  layerChanges,
  writeTree: async (input, shouldStop) => {
    await writeTree(input, shouldStop);
    return undefined;
  },
  usage: ({ path }, shouldStop) => treeUsage(path, shouldStop) ?? stopped(),
  sync: ({ path }) => {
    syncFileSystem(path);
    return undefined;
  },
  bindInto: input => {
    bindInto(input);
    return undefined;
  },
  mount: ({ target, spec }) => {
    linuxMounts.mount(target, spec);
    return undefined;
  },
  unmount: ({ target }) => {
    linuxMounts.unmount(target);
    return undefined;
  },
  lookAt,
  bindPart: input => bindPart(linuxMounts, input),
  relabel: ({ path, context }, shouldStop) => relabelTree(path, context, shouldStop),
  removeTree: ({ path }, shouldStop) => removeTree(path, { shouldStop }),
};

const busy = new Set<Promise<void>>();

parentPort?.on('message', (request: JailRequest | typeof JAIL_CLOSE) => {
  if (request === JAIL_CLOSE) return void Promise.all(busy).then(() => parentPort?.close());
  const work = serve(request).then(result => {
    busy.delete(work);
    parentPort?.postMessage({ ...result, id: request.id } satisfies JailReply);
  });
  busy.add(work);
});

async function serve({ job, input, stop }: JailRequest): Promise<JailResult> {
  const flag = new Uint8Array(stop);
  try {
    // The name and the input of a request belong together by the type of JailPool.run.
    const handler = handlers[job] as (input: unknown, shouldStop: ShouldStop) => unknown;
    return { output: await handler(input, () => Atomics.load(flag, 0) !== 0) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

async function extract(input: ExtractInput, shouldStop: ShouldStop): Promise<ExtractResult> {
  const { archive, directory, whiteouts, limits, reserveBytes = RESERVE_BYTES } = input;
  const extractor = new LayerExtractor({ whiteouts, reserveBytes });
  const parser = new TarParser(extractor, limits);
  await using source = new ArchiveSource(archive, shouldStop);
  using place = input.path === undefined ? undefined : openPlace(directory, input.path);
  using _jail = jail.enter(place?.path ?? directory);
  try {
    for await (const chunk of source.chunks()) parser.write(chunk);
    parser.end();
    extractor.finish();
  } finally {
    extractor.abandon();
  }
  const { sizeBytes, entries, topLevelNames, implicitDirectories } = extractor;
  return {
    ...source.facts,
    sizeBytes,
    entries,
    topLevelNames: [...topLevelNames],
    implicitDirectories: [...implicitDirectories],
  };
}

/** The directory itself, wherever somebody moves it meanwhile. */
function openPlace(root: string, path: string): Disposable & { readonly path: string } {
  const fd = openInRoot(root, path, constants.O_RDONLY | constants.O_DIRECTORY);
  return { path: `/proc/self/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
}

async function measure(
  { archive }: { readonly archive: ArchiveInput },
  shouldStop: ShouldStop,
): Promise<ArchiveFacts> {
  await using source = new ArchiveSource(archive, shouldStop);
  for await (const _ of source.chunks()); // all it takes is reading
  return source.facts;
}

function stopped(): never {
  throw new EngineError('cancelled', 'the operation was cancelled');
}

function failureOf(error: unknown): JailFailure {
  if (error instanceof EngineError) return { kind: error.kind, message: error.message };
  if (error instanceof SysError && error.code === 'ECANCELED') {
    return { kind: 'cancelled', message: 'the operation was cancelled' };
  }
  const code = codeOf(error);
  return { kind: 'internal', message: messageOf(error), ...(code === undefined ? {} : { code }) };
}
