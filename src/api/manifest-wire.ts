import type { ManifestView, TargetView } from '#image/manifest-views';
import type { Platform } from '#spec/oci/platform';

/** Engine API `OCIDescriptor` of what a name points at. */
export function targetToWire({ mediaType, digest, sizeBytes }: TargetView) {
  return { mediaType, digest, size: sizeBytes };
}

/** Engine API `ImageManifestSummary`. `users` are containers of an image. */
export function manifestToWire(view: ManifestView, users: (imageId: string) => readonly string[]) {
  const { image, platform, kind, annotations, contentBytes } = view;
  const unpackedBytes = image?.sizeBytes ?? 0;
  return {
    ID: view.digest,
    Descriptor: {
      ...targetToWire(view),
      ...(platform ? { platform: platformToWire(platform) } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    Available: view.isAvailable,
    Size: { Content: contentBytes, Total: contentBytes + unpackedBytes },
    Kind: kind,
    ...(kind === 'image'
      ? {
          ImageData: {
            Platform: platformToWire(platform ?? { os: '', architecture: '' }),
            Containers: image ? users(image.id) : [],
            Size: { Unpacked: unpackedBytes },
            UnpackedSize: unpackedBytes,
          },
        }
      : {}),
    ...(kind === 'attestation' ? { AttestationData: { For: view.about ?? '' } } : {}),
  };
}

export function platformToWire({ os, architecture, variant }: Platform) {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}
