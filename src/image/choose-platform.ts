import { EngineError } from '#base/errors';
import type { Descriptor, ImageIndex } from '#spec/oci/manifest';
import { formatPlatform, type Platform, platformFit } from '#spec/oci/platform';

/**
 * The manifest of an index for a platform: the one that fits best; one that says nothing fits any.
 *
 * @throws {EngineError} `notFound` with Docker's wording, and what there is.
 */
export function chooseManifest({ manifests }: ImageIndex, platform: Platform): Descriptor {
  const images = manifests.filter(entry => entry.platform?.architecture !== 'unknown');
  const [best] = images
    .map(entry => ({ entry, fit: entry.platform ? platformFit(platform, entry.platform) : 1 }))
    .filter(({ fit }) => fit > 0)
    .toSorted((one, other) => other.fit - one.fit);
  if (best) return best.entry;
  const offered = images.flatMap(entry => (entry.platform ? [formatPlatform(entry.platform)] : []));
  const hint = offered.length > 0 ? `: it is for ${[...new Set(offered)].join(', ')}` : '';
  throw new EngineError(
    'notFound',
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries${hint}`,
  );
}
