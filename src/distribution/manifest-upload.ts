import { sleep } from '#base/abortable';
import { type Digest, digestOf } from '#base/ids';
import type { Logger } from '#base/logger';
import { type ManifestDocument, parseManifest } from '#spec/oci/manifest';
import { type BackOff, delayMs } from './back-off.ts';
import { type RegistryProblem, refused, wrongDigest } from './errors.ts';
import type { RegistryEndpoint } from './registry-endpoint.ts';
import { problemOf } from './registry-problem.ts';
import type { ManifestName } from './repository.ts';

export interface ManifestUploadDeps {
  readonly endpoint: RegistryEndpoint;
  readonly backOff: BackOff;
  readonly logger: Logger;
}

export interface NewManifest {
  readonly name: ManifestName;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Says no to a manifest because of what it refers to. */
const PART_CODES: ReadonlySet<string> = new Set(['BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN', 'DIGEST_INVALID']);
const MOST_ATTEMPTS = 4;
/** Layers that no registry keeps. */
const ELSEWHERE = /\.foreign\.|nondistributable/;

/**
 * Sends a manifest. A registry may say that it lacks what it has: distribution rewrites the link to a blob whenever somebody
 * uploads that again, and finds it empty in between (file system driver of 2.8). So a refusal for something that is there is not believed at once.
 */
export class ManifestUpload {
  readonly #deps: ManifestUploadDeps;

  constructor(deps: ManifestUploadDeps) {
    this.#deps = deps;
  }

  /**
   * @returns whether the registry has put what has a subject into its list of referrers.
   * @throws {EngineError} what the registry says.
   */
  async run(
    manifest: NewManifest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly digest: Digest; readonly isListed: boolean }> {
    const { backOff, logger } = this.#deps;
    for (let failures = 1; ; failures += 1) {
      const answer = await this.#put(manifest, signal);
      if ('digest' in answer) return answer;
      const delay = failures < MOST_ATTEMPTS ? delayMs(backOff, failures) : undefined;
      if (!PART_CODES.has(answer.code) || delay === undefined) throw refused(answer);
      await sleep(delay, signal ? { signal } : {});
      if (!(await this.#hasParts(manifest, signal))) throw refused(answer);
      logger.info('the registry lacks what it has; the manifest is sent again', {
        manifest: manifest.name,
        problem: answer.text,
        delay,
      });
    }
  }

  async #put(
    { name, mediaType, bytes }: NewManifest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly digest: Digest; readonly isListed: boolean } | RegistryProblem> {
    const response = await this.#deps.endpoint.send({
      method: 'PUT',
      target: `${this.#path}/manifests/${name}`,
      headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
      body: () => bytes,
      scopes: this.#scopes,
      signal,
    });
    if (response.status !== 201 && response.status !== 202) return await problemOf(response);
    response.discard();
    const digest = digestOf(bytes);
    const stored = [response.headers['docker-content-digest'] ?? digest].flat()[0] ?? digest;
    if (stored !== digest) throw wrongDigest(`manifest ${name}`, digest, stored);
    return { digest, isListed: response.headers['oci-subject'] !== undefined };
  }

  /** What is not there at a second look either is not there. */
  async #hasParts(
    { name, mediaType, bytes }: NewManifest,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { backOff } = this.#deps;
    for (const part of new Set(partsOf(parseManifest(bytes, mediaType, `manifest ${name}`)))) {
      if (await this.#has(part, signal)) continue;
      await sleep(delayMs(backOff, 1) ?? 0, signal ? { signal } : {});
      if (!(await this.#has(part, signal))) return false;
    }
    return true;
  }

  async #has(part: string, signal: AbortSignal | undefined): Promise<boolean> {
    const target = `${this.#path}/${part}`;
    const request = { method: 'HEAD', target, headers: { accept: '*/*' }, scopes: this.#scopes, signal };
    const response = await this.#deps.endpoint.send(request);
    response.discard();
    return response.status === 200;
  }

  get #path(): string {
    return `/v2/${this.#deps.endpoint.source.repository}`;
  }

  get #scopes(): readonly string[] {
    return [`repository:${this.#deps.endpoint.source.repository}:pull,push`];
  }
}

/** Paths of all that it refers to. */
function partsOf(document: ManifestDocument): string[] {
  if (document.kind === 'index') return document.index.manifests.map(({ digest }) => `manifests/${digest}`);
  return [document.manifest.config, ...document.manifest.layers]
    .filter(({ mediaType }) => !ELSEWHERE.test(mediaType))
    .map(({ digest }) => `blobs/${digest}`);
}
