import type { Abortable } from '#base/abortable';

/**
 * Work on trees that containers write to: nothing in them is followed out of them, whatever it is named
 * or links to. Implemented in `sys/`, where each call runs inside a jail.
 */
export interface TreeJail {
  /**
   * Copies the directory that `root` has at `path` into the empty directory `target`: content with owners, modes,
   * times, links and extended attributes; `target` itself gets the directory's owner and mode.
   * @returns `false`, having done nothing, when there is no directory at `path`.
   */
  copyTree(
    from: { readonly root: string; readonly path: string },
    target: string,
    options?: Abortable,
  ): Promise<boolean>;

  /** Bytes on disk below a directory; a file with several names counts once. */
  diskUsage(directory: string, options?: Abortable): Promise<number>;

  /** Removes a directory with all below; happy to find nothing. Mounts in it are left alone and make it fail. */
  removeTree(directory: string, options?: Abortable): Promise<void>;
}

/** Mounting, as far as volumes need it. */
export interface VolumeMounts {
  mount(
    target: string,
    spec: { readonly type: string; readonly source: string; readonly options: readonly string[] },
  ): void;
  /** Detaches whatever is mounted there; happy to find nothing. */
  unmount(target: string): void;
  /** Whether `target` itself is a mount point. */
  isMounted(target: string): boolean;
}
