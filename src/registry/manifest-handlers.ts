import { patientChunks } from '#http/patient-chunks';
import { type BytesReply, reply } from '#http/reply';
import { MEDIA_TYPES } from '#spec/oci/manifest';
import { namesTag } from './byte-range.ts';
import { choosePlatform } from './default-platform.ts';
import { RegistryError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { StoredManifest } from './manifest-table.ts';
import type { Manifests } from './manifests.ts';
import { checkManifestName, type ManifestName } from './names.ts';
import { type Limits, MAX_MANIFEST_BYTES } from './registry-options.ts';

export interface ManifestHandlersDeps {
  readonly manifests: Manifests;
  readonly limits: Pick<Limits, 'stallMs'>;
}

const INDEX_TYPES: readonly string[] = [MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerIndex];
const LEAST_BYTES = 1024;

/** The requests about manifests. */
export class ManifestHandlers {
  readonly #deps: ManifestHandlersDeps;

  constructor(deps: ManifestHandlersDeps) {
    this.#deps = deps;
  }

  /** `GET` and `HEAD` */
  get({ request, repository, caller }: Exchange, reference: string): BytesReply {
    const name = checkManifestName(reference);
    const found = this.#acceptable(repository, name, request.headers.accept);
    const { digest, mediaType, body } = found;
    const tag = `"${digest}"`;
    const headers = {
      'Docker-Content-Digest': digest,
      ETag: tag,
      Vary: 'Accept',
      // A tag moves; what has its own digest in its name does not.
      'Cache-Control': name.digest === undefined ? 'no-cache' : 'private, max-age=31536000, immutable',
    };
    if (namesTag(request.headers['if-none-match'], tag)) return { ...reply.empty(304), headers };
    if (request.method === 'GET') this.#deps.manifests.pulled(repository, name, { digest, caller });
    return { type: 'bytes', status: 200, headers: { ...headers, 'Content-Type': mediaType }, body };
  }

  /** `PUT` */
  async put({ request, repository, caller }: Exchange, reference: string): Promise<BytesReply> {
    const name = checkManifestName(reference);
    const bytes = await this.#body(request);
    const contentType = request.headers['content-type'] ?? '';
    const { digest, subject } = await this.#deps.manifests.put({
      repository,
      name,
      contentType,
      bytes,
      caller,
    });
    return {
      ...reply.empty(201),
      headers: {
        Location: `/v2/${repository}/manifests/${digest}`,
        'Docker-Content-Digest': digest,
        ...(subject === undefined ? {} : { 'OCI-Subject': subject }),
      },
    };
  }

  /** `DELETE` */
  remove({ repository, caller }: Exchange, reference: string): BytesReply {
    this.#deps.manifests.remove(repository, checkManifestName(reference), caller);
    return reply.empty(202);
  }

  async #body({ headers, bytes }: Exchange['request']): Promise<Buffer> {
    const tooLarge = (): Error =>
      new RegistryError('TOO_LARGE', `a manifest may have at most ${MAX_MANIFEST_BYTES} bytes`);
    if (Number(headers['content-length'] ?? 0) > MAX_MANIFEST_BYTES) throw tooLarge();
    const tooSlow = (): Error => new RegistryError('TIMEOUT');
    const { stallMs } = this.#deps.limits;
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of patientChunks(bytes, { stallMs, leastBytes: LEAST_BYTES, tooSlow })) {
      size += chunk.length;
      if (size > MAX_MANIFEST_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  }

  /**
   * A client that takes no index gets the image of the usual platform instead (by tag only: a digest is what it is). Other than
   * that a list of types is a wish: programs send whatever they like, and can tell by the type of the answer.
   */
  #acceptable(repository: string, name: ManifestName, accept: string | undefined): StoredManifest {
    const found = this.#deps.manifests.get(repository, name);
    if (name.tag === undefined || !INDEX_TYPES.includes(found.mediaType)) return found;
    if (!takesOnlyManifests(accept)) return found;
    const digest = choosePlatform(found.body);
    return digest === undefined ? found : this.#deps.manifests.get(repository, { digest });
  }
}

/** Whether it names manifests, and no index and nothing general. */
function takesOnlyManifests(accept: string | undefined): boolean {
  const types = (accept ?? '').split(',').map(each => each.split(';', 1)[0]?.trim().toLowerCase() ?? '');
  const isGeneral = types.some(
    type => type === '*/*' || type === 'application/*' || INDEX_TYPES.includes(type),
  );
  return (
    !isGeneral && (types.includes(MEDIA_TYPES.ociManifest) || types.includes(MEDIA_TYPES.dockerManifest))
  );
}
