import { open } from 'node:fs/promises';
import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { type Reply, type ReplyHeaders, reply } from '#http/reply';
import { isErrno } from '#sys/sys-error';
import { type Blobs, blobUnknown } from './blobs.ts';
import { type ByteRange, namesTag, parseRange } from './byte-range.ts';
import { RegistryError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { readFilePart } from './read-file.ts';

/** Content under its digest never changes; caches that many share must not have it. */
const FOREVER = 'private, max-age=31536000, immutable';

/** `GET` and `HEAD` of a blob. */
export async function getBlob(
  blobs: Blobs,
  { request, repository }: Exchange,
  digest: Digest,
): Promise<Reply> {
  const { sizeBytes, path, isWhole } = blobs.get(repository, digest);
  if (!isWhole) throw damaged(request.method, repository, digest);
  const tag = `"${digest}"`;
  const { headers } = request;
  const common = {
    'Docker-Content-Digest': digest,
    ETag: tag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': FOREVER,
  };
  if (namesTag(headers['if-none-match'], tag)) return { ...reply.empty(304), headers: common };
  const range = rangeOf(request, tag, sizeBytes);
  if (range === 'unsatisfiable') {
    throw new RegistryError('RANGE_INVALID', `the blob has ${sizeBytes} bytes`, {
      headers: { 'Content-Range': `bytes */${sizeBytes}` },
    });
  }
  const part = range ?? { first: 0, last: sizeBytes - 1 };
  const head: ReplyHeaders = {
    ...common,
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(part.last - part.first + 1),
    ...(range ? { 'Content-Range': `bytes ${part.first}-${part.last}/${sizeBytes}` } : {}),
  };
  const status = range ? 206 : 200;
  const chunks = request.method === 'HEAD' ? nothing() : await opened(path, part, digest);
  return { type: 'stream', status, headers: head, chunks };
}

/** A client that has another content of that name wants all of this one. */
function rangeOf({ headers }: Exchange['request'], tag: string, sizeBytes: number) {
  const condition = headers['if-range'];
  if (typeof condition === 'string' && !namesTag(condition, tag)) return undefined;
  return parseRange(headers.range, sizeBytes);
}

/** Whoever asks whether it is there is about to push: it is told to send it, and that mends it. Whoever wants it can be told no such thing. */
function damaged(method: string, repository: string, digest: Digest): Error {
  if (method === 'HEAD') return blobUnknown(repository, digest);
  return new EngineError(
    'dataLoss',
    `the file of blob ${digest} of ${repository} is gone or too short; pushing it again mends it`,
  );
}

/** Open from here on: a blob that is deleted now is still sent to its end. */
async function opened(path: string, part: ByteRange, digest: Digest): Promise<AsyncIterable<Buffer>> {
  try {
    return readFilePart(await open(path, 'r'), part);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw new EngineError('dataLoss', `the file of blob ${digest} is gone`, { cause: error });
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}
