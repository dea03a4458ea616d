import type { RunMountType } from './instructions.ts';

/** What `RUN --mount` asks for, with its variables replaced and its defaults in. */
export type ResolvedRunMount =
  | {
      readonly type: 'bind';
      /** a stage, a named context or an image; absent: the build context */
      readonly from?: string;
      readonly source: string;
      readonly target: string;
      /** what is written is thrown away after the step */
      readonly isWritable: boolean;
    }
  | {
      readonly type: 'cache';
      readonly id: string;
      readonly from?: string;
      readonly source: string;
      readonly target: string;
      readonly isReadOnly: boolean;
      readonly sharing: 'shared' | 'private' | 'locked';
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes?: number }
  | {
      readonly type: 'secret' | 'ssh';
      readonly id: string;
      /** absent: no file */
      readonly target?: string;
      /** variable that holds the secret; absent: none */
      readonly env?: string;
      readonly isRequired: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** What each type of mount takes, by the one name we keep. */
export const RUN_MOUNT_KEYS: Readonly<Record<RunMountType, readonly string[]>> = {
  bind: ['from', 'source', 'target', 'readwrite', 'readonly'],
  cache: ['id', 'from', 'source', 'target', 'readonly', 'readwrite', 'sharing', 'mode', 'uid', 'gid'],
  tmpfs: ['target', 'size'],
  secret: ['id', 'source', 'target', 'env', 'required', 'mode', 'uid', 'gid'],
  ssh: ['id', 'target', 'required', 'mode', 'uid', 'gid'],
};
