import type { JailPool } from '#store/jail-pool';
import type { Mounts } from '#sys/mount';

/** Work on trees that containers write to, done where nothing in them leads out. */
export type TreeJail = Pick<JailPool, 'copyTree' | 'usage' | 'removeTree' | 'pack' | 'extract' | 'sync'>;

/** Mounts that may keep a thread waiting: for a server, or for the repair of a disk. */
export type SlowMounts = Pick<JailPool, 'mount' | 'unmount' | 'copyTree' | 'lookAt' | 'bindPart'>;

/** Mounting, as far as volumes need it. */
export type VolumeMounts = Pick<Mounts, 'mount' | 'unmount' | 'isMounted'>;
