import type { Volume } from '#volume/volume';

/** Engine API `Volume`. Docker sends `null` for labels and options that were not given. */
export function volumeToWire(volume: Volume) {
  return {
    CreatedAt: new Date(volume.createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: volume.scope,
    ...(volume.status && { Status: volume.status }),
  };
}

function orNull(map: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null {
  return Object.keys(map).length > 0 ? map : null;
}
