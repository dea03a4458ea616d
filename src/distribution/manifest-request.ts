import type { Abortable } from '#base/abortable';
import { digestOf, isDigest } from '#base/ids';
import { MEDIA_TYPES, parseManifest } from '#spec/oci/manifest';
import type { Reference } from '#spec/reference';
import { badAnswer, pullRefused, wrongDigest } from './errors.ts';
import { BodyTooLargeError, type HttpResponse } from './http-message.ts';
import type { EndpointRequest, RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import type { ContentDescriptor, FetchedManifest, ManifestName } from './repository.ts';

/** As distribution bounds it; containerd and Docker do the same. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

const ACCEPT = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerManifest,
].join(', ');

export interface ManifestRequest extends Abortable {
  readonly endpoint: RegistryEndpoint;
  readonly path: string;
  readonly scopes: readonly string[];
  readonly name: ManifestName;
  /** for messages */
  readonly subject: Reference;
}

/** What a name stands for, by HEAD; `undefined` when the registry does not tell it that way. */
export async function headManifest(request: ManifestRequest): Promise<ContentDescriptor | undefined> {
  const response = await request.endpoint.send(requestOf(request, 'HEAD'));
  response.discard();
  const digest = header(response, 'docker-content-digest');
  const size = Number(header(response, 'content-length') || Number.NaN);
  const mediaType = mediaTypeOf(response);
  if (response.status !== 200 || !isDigest(digest) || !Number.isSafeInteger(size)) return undefined;
  if (!ACCEPT.includes(mediaType)) return undefined;
  if (isDigest(request.name) && digest !== request.name) {
    throw wrongDigest(`manifest ${request.name}`, request.name, digest);
  }
  return { mediaType, digest, size };
}

/** A manifest, proved by its digest where one was asked for, and not to be read in two ways (CVE-2021-41190). */
export async function getManifest(request: ManifestRequest): Promise<FetchedManifest> {
  const { name, subject, endpoint } = request;
  const answer = endpoint.read(requestOf(request, 'GET'), MAX_MANIFEST_BYTES);
  const { response, bytes } = await answer.catch((error: unknown) => {
    if (!(error instanceof BodyTooLargeError)) throw error;
    throw badAnswer(endpoint.source.host, `manifest ${name}: ${error.message}`);
  });
  if (!bytes) throw pullRefused(await problemOf(response), subject);
  const digest = digestOf(bytes);
  const announced = header(response, 'docker-content-digest');
  for (const expected of [name, announced]) {
    if (isDigest(expected) && expected !== digest) throw wrongDigest(`manifest ${name}`, expected, digest);
  }
  const mediaType = mediaTypeOf(response);
  const known = ACCEPT.includes(mediaType) ? mediaType : '';
  if (mediaType === 'text/html') {
    throw badAnswer(
      endpoint.source.host,
      'a page for browsers; is there a proxy or a log-in page on the way?',
    );
  }
  const document = parseManifest(bytes, known, `manifest ${digest}`);
  const own = document.kind === 'index' ? document.index.mediaType : document.manifest.mediaType;
  const guessed = document.kind === 'index' ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.ociManifest;
  return { descriptor: { mediaType: known || own || guessed, digest, size: bytes.length }, bytes };
}

function requestOf({ path, scopes, signal }: ManifestRequest, method: string): EndpointRequest {
  return { method, target: path, headers: { accept: ACCEPT }, scopes, signal };
}

function mediaTypeOf(response: HttpResponse): string {
  return header(response, 'content-type').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function header({ headers }: HttpResponse, name: string): string {
  return [headers[name] ?? ''].flat()[0] ?? '';
}
