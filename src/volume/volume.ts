/** The driver that the engine has itself. */
export const LOCAL_DRIVER = 'local';

export interface Volume {
  readonly name: string;
  readonly driver: string;
  /** host directory; `…/volumes/NAME/_data` for the local driver */
  readonly mountpoint: string;
  /** milliseconds since 1970 */
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly scope: 'local' | 'global';
  readonly isAnonymous: boolean;
  /** what a driver of another vendor tells of it; never stored */
  readonly status?: Readonly<Record<string, unknown>>;
}

/** A state of a volume that was kept. */
export interface VolumeSnapshot {
  readonly id: string;
  readonly volume: string;
  readonly name: string;
  /** milliseconds since 1970 */
  readonly createdAt: number;
}
