import { EngineError } from '#base/errors';
import type { Digest } from '#base/ids';
import { platformMismatch } from '#image/errors';
import type { ImageService } from '#image/image-service';
import type { LayerRecord } from '#image/image-table';
import type { PullLine } from '#image/pull-progress';
import { formatPlatform, type Platform } from '#spec/oci/platform';
import { parseReference } from '#spec/reference';
import type { BuildRequest } from './build-request.ts';

export interface BaseImage {
  readonly id: Digest;
  readonly config: Buffer;
  readonly layers: readonly LayerRecord[];
}

export interface BaseImagesDeps {
  readonly images: ImageService;
  readonly request: Pick<BuildRequest, 'pull' | 'credentials'>;
  readonly held: DisposableStack;
  readonly signal: AbortSignal;
}

/** Images that a build starts from or copies from; each is fetched once in a build, and stays until it is over. */
export class BaseImages {
  readonly #deps: BaseImagesDeps;
  readonly #found = new Map<string, Promise<BaseImage>>();

  constructor(deps: BaseImagesDeps) {
    this.#deps = deps;
  }

  /**
   * @param platform absent: any
   * @throws {EngineError} `notFound`, `unauthorized`, `unavailable`, `forbidden` by the trust policy, `invalid` for a bad name.
   */
  get(name: string, platform: Platform | undefined, onPull: (line: PullLine) => void): Promise<BaseImage> {
    const key = `${name} ${platform ? formatPlatform(platform) : ''}`;
    const known = this.#found.get(key);
    if (known) return known;
    const found = this.#find(name, platform, onPull);
    this.#found.set(key, found);
    return found;
  }

  async #find(
    name: string,
    platform: Platform | undefined,
    onPull: (line: PullLine) => void,
  ): Promise<BaseImage> {
    const { images, request, held, signal } = this.#deps;
    const choice = platform ? { platform } : {};
    let image = request.pull ? undefined : images.find(name, choice);
    if (!image) {
      const reference = parseReference(name);
      const credentials = request.credentials?.(reference.domain);
      try {
        await images.pull(reference, onPull, { ...choice, signal, ...(credentials ? { credentials } : {}) });
      } catch (error) {
        throw (request.pull ? undefined : this.#forAnother(name, platform)) ?? error;
      }
      image = images.get(name, choice);
    }
    images.requireTrust(image, name);
    const record = images.layers.find(image.id);
    if (!record)
      throw new EngineError('conflict', `image ${name} was removed while the build began: build again`);
    held.use(images.layers.hold(record.layers));
    images.noteUse(image.id);
    return { id: image.id, config: record.config, layers: record.layers };
  }

  /** What is here under that name was made for something else, which says more than that there is none to be fetched. */
  #forAnother(name: string, platform: Platform | undefined): EngineError | undefined {
    const { images, signal } = this.#deps;
    const here = platform && !signal.aborted ? images.find(name) : undefined;
    if (!platform || !here || images.find(name, { platform })) return undefined;
    return platformMismatch(name, formatPlatform(here.platform), formatPlatform(platform));
  }
}
