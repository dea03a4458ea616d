import type { Digest } from '#base/ids';
import { parseImageConfig } from '#spec/oci/image-config';
import { withoutBlank } from './squashed-config.ts';
import type { WrittenConfig } from './written-config.ts';

export interface CommitFacts {
  readonly author: string;
  readonly comment: string;
  /** the command of the container that it was made from */
  readonly createdBy: string;
  readonly config: WrittenConfig;
}

/**
 * The configuration of an image made from a container: what its own image says about platform and history, with one entry
 * more. What nobody here knows stays.
 *
 * @param diffIds of all layers; @param layers how many of them are those of the image before
 */
export function committedConfig(
  before: Buffer,
  { author, comment, createdBy, config }: CommitFacts,
  { diffIds, layers }: { readonly diffIds: readonly Digest[]; readonly layers: number },
): Buffer {
  // Parsed and found to be an object when the image came.
  const {
    author: _author,
    comment: _comment,
    ...document
  } = JSON.parse(before.toString()) as Record<string, unknown>;
  const created = new Date().toISOString();
  const history: object[] = parseImageConfig(before).history.map(({ empty_layer: isEmpty, ...rest }) => ({
    ...withoutBlank(rest),
    ...(isEmpty ? { empty_layer: true } : {}),
  }));
  // Of an image that tells less than it has: each layer needs an entry.
  for (let told = history.filter(entry => !('empty_layer' in entry)).length; told < layers; told += 1) {
    history.push({ created });
  }
  const isEmpty = diffIds.length === layers;
  history.push({
    created,
    ...withoutBlank({ created_by: createdBy, author, comment }),
    ...(isEmpty ? { empty_layer: true } : {}),
  });
  return Buffer.from(
    JSON.stringify({
      ...document,
      ...withoutBlank({ author, comment }),
      created,
      config,
      rootfs: { type: 'layers', diff_ids: diffIds },
      history,
    }),
  );
}
