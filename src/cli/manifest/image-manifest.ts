import { messageOf } from '#base/errors';
import { ApiError, isStatus } from '#client/api-error';
import { isObject, type JsonObject, listAt, objectAt, parseJson, textAt } from '#client/json';
import { canonicalName, canonicalReference, parseReference, type Reference } from '#spec/reference';
import { CliError } from '../cli-error.ts';
import type { CliContext } from '../context.ts';
import { authHeader } from '../credentials/auth-header.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** A manifest as Docker's command line keeps and shows it: `Ref`, `Descriptor`, `Raw`, and the document under the name of its kind. */
export type ImageManifest = JsonObject;

export interface FetchedDocument {
  readonly descriptor: JsonObject;
  /** base64 */
  readonly raw: string;
  readonly text: string;
  /** of an image, as its configuration says */
  readonly platform: JsonObject;
  readonly isList: boolean;
}

/** What the registry has under a name. @throws {CliError} in Docker's wording when it has nothing. */
export async function fetchDocument(context: CliContext, reference: Reference): Promise<FetchedDocument> {
  const name = canonicalReference(reference);
  const headers = await authHeader(context, reference.domain);
  try {
    const query = { name, platform: 'true' };
    const found = await context.client.call('GET', '/quai/registry/manifest', { query, headers });
    const raw = textAt(found, 'Raw');
    const descriptor = objectAt(found, 'Descriptor');
    return {
      descriptor,
      raw,
      text: Buffer.from(raw, 'base64').toString(),
      platform: objectAt(found, 'Platform'),
      isList: [OCI_INDEX, DOCKER_INDEX].includes(textAt(descriptor, 'mediaType')),
    };
  } catch (error) {
    // Another engine, which does not know the route, says this.
    const isRoute = error instanceof ApiError && error.message === 'page not found';
    if (isStatus(error, 404) && !isRoute) throw new CliError(`no such manifest: ${name}`);
    throw error;
  }
}

export function imageManifest(ref: string, found: FetchedDocument, platform: JsonObject): ImageManifest {
  const kind = textAt(found.descriptor, 'mediaType') === OCI_MANIFEST ? 'OCIManifest' : 'SchemaV2Manifest';
  return {
    Ref: ref,
    Descriptor: { ...found.descriptor, ...(Object.keys(platform).length > 0 ? { platform } : {}) },
    Raw: found.raw,
    [kind]: parseJson(found.text),
  };
}

/** Every image of a list at a registry. */
export async function imagesOfList(
  context: CliContext,
  reference: Reference,
  list: FetchedDocument,
): Promise<ImageManifest[]> {
  const images: ImageManifest[] = [];
  for (const child of listAt(parseJson(list.text), 'manifests')) {
    const member = parseReference(`${canonicalName(reference)}@${textAt(child, 'digest')}`);
    const found = await fetchDocument(context, member);
    const ref = canonicalReference({ ...reference, ...member });
    images.push(imageManifest(ref, found, objectAt(child, 'platform')));
  }
  return images;
}

/** The list of these images, byte for byte as Docker's command line makes it. */
export function listDocument(images: readonly ImageManifest[]): { mediaType: string; text: string } {
  const descriptors = images.map(image => objectAt(image, 'Descriptor'));
  const isOci = textAt(descriptors[0], 'mediaType') === OCI_MANIFEST;
  const mediaType = isOci ? OCI_INDEX : DOCKER_INDEX;
  const manifests = descriptors.map(({ mediaType: type, size, digest, platform }) => ({
    mediaType: type,
    size,
    digest,
    platform: isObject(platform) ? platform : { architecture: '', os: '' },
  }));
  return { mediaType, text: JSON.stringify({ schemaVersion: 2, mediaType, manifests }, null, '   ') };
}

/** @throws {CliError} as Docker words it. */
export function parsedName(text: string, what = ''): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    const reason = messageOf(error);
    throw new CliError(what === '' ? reason : `error parsing name for ${what} ${text}: ${reason}`);
  }
}
