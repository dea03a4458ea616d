import * as v from 'valibot';
import type { Abortable } from '#base/abortable';
import { applyChanges } from '#image/config-changes';
import type { Image } from '#image/image';
import { toWritten, type WrittenConfig } from '#image/written-config';
import { ContainerConfig } from '#spec/docker/container-config';
import type { Container } from './container.ts';
import { type ContainerContext, emitContainerEvent } from './context.ts';
import { checkReadable, checkThere, findChanges, packChanges } from './layer-access.ts';
import { mergedConfig } from './merge-image-config.ts';
import { type PauseSwitch, withPaused } from './volume-hold.ts';

export interface CommitRequest {
  /** `name[:tag]`; absent: an image without a name */
  readonly reference?: string;
  readonly author: string;
  readonly comment: string;
  /** Dockerfile instructions */
  readonly changes: readonly string[];
  /** what the image shall say, over what the container does */
  readonly config?: ContainerConfig;
  /** while its files are read */
  readonly isPaused: boolean;
}

/**
 * Makes an image of a container: a layer of what it wrote over those of its image, with the container's configuration.
 *
 * @throws {EngineError} `invalid` for a bad change or name, before the container is paused; `conflict`.
 */
export async function commitContainer(
  context: ContainerContext,
  container: Container,
  { reference, author, comment, changes, config, isPaused }: CommitRequest,
  { pauses, ...options }: Abortable & { readonly pauses: PauseSwitch },
): Promise<Image> {
  checkReadable(container, 'commit');
  const written = imageConfig(container.config, config, changes);
  const image = await context.images.commit(
    {
      source: container.imageId,
      author,
      comment,
      createdBy: (container.config.Cmd ?? []).join(' '),
      config: written,
      readLayer: store =>
        withPaused(context, isPaused ? [container.id] : [], pauses, async () => {
          try {
            const found = await findChanges(container, context, options);
            if (found.length > 0) await store(packChanges(container, context, options));
          } finally {
            checkThere(context, container.id);
          }
        }),
    },
    { ...options, ...(reference === undefined ? {} : { reference }) },
  );
  emitContainerEvent(context, container, 'commit', {
    comment,
    imageID: image.id,
    imageRef: image.repoTags[0] ?? '',
  });
  return image;
}

/** As moby (daemon/commit.go): changes over what the request says, and what is left open is the container's. */
function imageConfig(
  own: ContainerConfig,
  request: ContainerConfig | undefined,
  changes: readonly string[],
): WrittenConfig {
  const changed = applyChanges(changes, toWritten(request ?? own));
  return toWritten(mergedConfig(v.parse(ContainerConfig, changed), own));
}
