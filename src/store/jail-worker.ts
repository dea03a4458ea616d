import { createHash, type Hash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { pipeline, type Readable } from 'node:stream';
import { parentPort } from 'node:worker_threads';
import { codeOf, EngineError, messageOf } from '#base/errors';
import type { Digest } from '#base/ids';
import { TarParser } from '#spec/tar/tar-parser';
import { adoptAttributes } from '#sys/adopt-attributes';
import { copyTree } from '#sys/copy-tree';
import { ThreadJail } from '#sys/jail';
import { removeTree } from '#sys/remove-tree';
import { syncFileSystem } from '#sys/sync-fs';
import { SysError } from '#sys/sys-error';
import { treeUsage } from '#sys/tree-usage';
import { createDecompressor, detectFileCompression } from './compression.ts';
import {
  type ExtractInput,
  type ExtractResult,
  JAIL_CLOSE,
  type JailFailure,
  type JailJobName,
  type JailJobs,
  type JailReply,
  type JailRequest,
} from './jail-jobs.ts';
import { LayerExtractor } from './layer-extractor.ts';

/**
 * The entry of a worker thread that touches untrusted trees. Everything it needs is imported above, before any
 * jail is entered: inside one nothing may be loaded.
 */
const READ_BYTES = 256 * 1024;
const DEFAULT_RESERVE_BYTES = 64 * 1024 * 1024;

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
  adopt: ({ layer, parents, paths }) => {
    adoptAttributes(layer, parents, paths);
    return undefined;
  },
  copyTree: (input, shouldStop) => copyTree(input, shouldStop),
  usage: ({ path }, shouldStop) => treeUsage(path, shouldStop) ?? stopped(),
  sync: ({ path }) => {
    syncFileSystem(path);
    return undefined;
  },
  removeTree: ({ path }, shouldStop) => removeTree(path, { shouldStop }),
};

let busy: Promise<unknown> = Promise.resolve();

parentPort?.on('message', (request: JailRequest | typeof JAIL_CLOSE) => {
  if (request === JAIL_CLOSE) return void busy.then(() => parentPort?.close());
  busy = serve(request).then(reply => parentPort?.postMessage(reply));
});

async function serve({ job, input, stop }: JailRequest): Promise<JailReply> {
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
  const { archive, directory, whiteouts, limits, knownDiffId } = input;
  const { reserveBytes = DEFAULT_RESERVE_BYTES } = input;
  const extractor = new LayerExtractor({ whiteouts, reserveBytes });
  const parser = new TarParser(extractor, limits);
  const hash = createHash('sha256');
  await using source = openArchive(archive);
  using _jail = jail.enter(directory);
  try {
    for await (const chunk of source.chunks()) {
      if (shouldStop()) stopped();
      if (knownDiffId === undefined) hash.update(chunk);
      parser.write(chunk);
    }
    parser.end();
    extractor.finish();
  } finally {
    extractor.abandon();
  }
  const { sizeBytes, entries, topLevelNames, implicitDirectories } = extractor;
  return {
    diffId: knownDiffId ?? digestOf(hash),
    sizeBytes,
    entries,
    topLevelNames: [...topLevelNames],
    implicitDirectories: [...implicitDirectories],
  };
}

async function measure(
  { archive }: { readonly archive: string },
  shouldStop: ShouldStop,
): Promise<{ diffId: Digest; tarBytes: number }> {
  const hash = createHash('sha256');
  let tarBytes = 0;
  await using source = openArchive(archive);
  for await (const chunk of source.chunks()) {
    if (shouldStop()) stopped();
    hash.update(chunk);
    tarBytes += chunk.length;
  }
  return { diffId: digestOf(hash), tarBytes };
}

interface ArchiveSource extends AsyncDisposable {
  chunks(): Iterable<Buffer> | AsyncIterable<Buffer>;
}

/** Opens the file and sets up its decompression, so that inside the jail no path outside is needed. */
function openArchive(path: string): ArchiveSource {
  const compression = detectFileCompression(path);
  const fd = openSync(path, 'r');
  if (compression === 'none') {
    return {
      chunks: () => readChunks(fd),
      [Symbol.asyncDispose]: () => Promise.resolve(closeSync(fd)),
    };
  }
  const compressed = createReadStream('', { fd, highWaterMark: READ_BYTES });
  // The error comes out of the iteration; pipeline() only has to pass it on.
  const inflated = pipeline(compressed, createDecompressor(compression), () => undefined);
  return {
    chunks: () => translated(inflated),
    [Symbol.asyncDispose]: async () => {
      inflated.destroy();
      await closed(compressed);
    },
  };
}

function* readChunks(fd: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (;;) {
    const length = readSync(fd, buffer, 0, buffer.length, null);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

/** What zlib throws is about the archive. */
async function* translated(stream: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk as Buffer; // no encoding is set: buffers
  } catch (error) {
    if (!/^(Z_|ZSTD_|ERR_ZLIB|ERR_STREAM_PREMATURE)/.test(codeOf(error) ?? '')) throw error;
    throw new EngineError('invalid', `cannot decompress the archive: ${messageOf(error)}`, { cause: error });
  }
}

/** Waits until the stream has closed its file: only then is nothing of this job left. */
async function closed(stream: Readable): Promise<void> {
  if (stream.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  stream.once('close', resolve);
  stream.destroy();
  await promise;
}

function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
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
