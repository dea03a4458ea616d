import type { Readable } from 'node:stream';
import type { Abortable } from '#base/abortable';
import { notImplemented } from '#base/errors';
import type { Digest } from '#base/ids';
import type { Image } from './image.ts';

export interface ImageDeletion {
  readonly untagged: readonly string[];
  readonly deleted: readonly string[];
}

export interface ImportOptions extends Abortable {
  /** `name[:tag]`; absent: an image without a name */
  readonly reference?: string;
  readonly message?: string;
  /** Dockerfile instructions, as `docker import --change` gives them */
  readonly changes?: readonly string[];
  readonly platform?: string;
}

/** Tags and manifests, layers into snapshots. */
export class ImageService {
  /**
   * Loads every image of a Docker or OCI archive (plain or gzip/zstd compressed tar).
   * `progress` gets one line per loaded reference (`Loaded image: busybox:latest`, as Docker words it).
   */
  async load(_archive: Readable, _progress: (line: string) => void, _options?: Abortable): Promise<void> {
    throw notImplemented('image load');
  }

  /** Makes an image of one layer from a tar of a root file system. @returns its ID. */
  async import(_tar: Readable, _options?: ImportOptions): Promise<Digest> {
    throw notImplemented('image import');
  }

  list(): Image[] {
    throw notImplemented('image list');
  }

  /** By name, name:tag, name@digest, ID or unique ID prefix. */
  find(_reference: string): Image | undefined {
    throw notImplemented('image find');
  }

  /** @throws {EngineError} `notFound` with Docker's wording `No such image: x:latest`. */
  get(_reference: string): Image {
    throw notImplemented('image get');
  }

  /** Points `name:tag` at an image; the tag moves when it exists. */
  async tag(_reference: string, _target: string): Promise<void> {
    throw notImplemented('image tag');
  }

  /** Untags, and deletes when that was the last tag and no container uses it. @throws `conflict` with Docker's wording. */
  async remove(
    _reference: string,
    _options: Abortable & { readonly force: boolean; readonly noPrune: boolean },
  ): Promise<ImageDeletion> {
    throw notImplemented('image remove');
  }
}
