import type { Digest } from '#base/ids';
import type { FileMode } from '#spec/dockerfile/file-mode';
import type { ErofsIndex } from '#spec/erofs/erofs-writer';
import type { TarLimits } from '#spec/tar/tar-parser';
import type { MountSource } from '#sys/mount';
import type { RelabelResult } from '#sys/selinux';
import type { TreeUsage } from '#sys/tree-usage';
import type { ArchiveFacts, ArchiveInput } from './archive-source.ts';
import type { BindIntoInput } from './bind-into.ts';
import type { BindPartInput } from './bind-part.ts';
import type { FindRecipeInput, GzipRecipe, RebuildInput } from './gzip-recipe.ts';
import type { FrameInput, FrameResult, PackedInput } from './layer-packer.ts';
import type { Look, LookAtInput, NotFound } from './look-at.ts';
import type { RenameOpaqueInput } from './opaque-file.ts';

export interface ExtractInput {
  /** a tar, plain or compressed with gzip or zstd */
  readonly archive: ArchiveInput;
  /** an existing directory; its content is the root for all names of the archive */
  readonly directory: string;
  /** a directory in that one, which others change: links on the way stay inside, and it is the root then */
  readonly path?: string;
  /**
   * `overlay`: `.wh.` names of an OCI layer become what overlayfs understands. `none`: they are names like others.
   */
  readonly whiteouts: 'overlay' | 'none';
  readonly limits?: Partial<TarLimits>;
  /** Fail when less than this many bytes would be left free on the file system. */
  readonly reserveBytes?: number;
}

export interface ExtractResult extends ArchiveFacts {
  /** content of all files */
  readonly sizeBytes: number;
  readonly entries: number;
  /** first components of the names, at most 64: enough to tell what kind of archive it was */
  readonly topLevelNames: readonly string[];
  /** Directories (byte strings, `''` is the root) that were needed but not described: see `adopt`. */
  readonly implicitDirectories: readonly string[];
}

export interface IndexInput {
  /** When it is not compressed, the file itself is kept: nobody may change it any more. */
  readonly archive: ArchiveInput;
  /** an existing directory, for `layer.tar` and `layer.erofs` */
  readonly directory: string;
  /** `overlay` (default): `.wh.` names of an OCI layer become what overlayfs understands. `none`: they are names like others. */
  readonly whiteouts?: 'overlay' | 'none';
  /** It need not survive a power cut: nobody waits for the disk. */
  readonly isTemporary?: boolean;
  readonly limits?: Partial<TarLimits>;
  /** Fail when less than this many bytes would be left free on the file system. */
  readonly reserveBytes?: number;
}

export interface IndexResult extends ArchiveFacts {
  /** content of all files */
  readonly sizeBytes: number;
  readonly entries: number;
  readonly topLevelNames: readonly string[];
  /** for {@link SealIndexInput} */
  readonly implicit: ErofsIndex['implicit'];
  readonly index: Pick<ErofsIndex, 'bytes' | 'inodes' | 'contentBytes'>;
}

export interface SealIndexInput {
  readonly directory: string;
  /** directories of the layers below, uppermost first */
  readonly parents: readonly string[];
  readonly implicit: ErofsIndex['implicit'];
}

export interface PackInput {
  /** trusted path of the tree, or a descriptor of it; nothing outside it is read, whatever its links say */
  readonly root: string | number;
  /** what of it: links on the way stay inside, the last component is taken as it is, and as a directory with a `/` or `/.` after it */
  readonly path: string;
  /** byte string: what it is called in the archive; `''` for the root of an archive; `/` makes its names absolute */
  readonly name: string;
  /** Also what is mounted in it, but for what the kernel makes up, and devices. */
  readonly entersMounts?: boolean;
  /** where to write to */
  readonly fd: number;
}

export interface PackLayersInput {
  /** open directories of the layers, uppermost first; they stay the caller's */
  readonly layers: readonly number[];
  /** those of the layers below, uppermost first: what deletions and opaque directories are about */
  readonly below: readonly number[];
  /**
   * `layer`: one layer of layers; `changes`: the same of what a container wrote, without what was only made to mount something
   * on; `root`: a root file system.
   */
  readonly form: 'layer' | 'changes' | 'root';
  /** further places that were only made to mount something on, and directories on the way to them; for `changes` */
  readonly stubs?: readonly string[];
  /** where to write to */
  readonly fd: number;
}

export interface WriteTreeInput {
  readonly archive: ArchiveInput;
  /** descriptor of the tree's root; it stays the caller's */
  readonly root: number;
  /** absolute in it: an existing directory */
  readonly path: string;
  /** who all of it shall belong to; absent: as the archive says */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Fail rather than put a directory in the place of something else, or the other way round. */
  readonly keepsKinds: boolean;
}

export interface CopyPart {
  /** descriptor of the tree that is copied from; it stays the caller's */
  readonly root: number;
  /** paths in it, perhaps with patterns; a directory means what is in it */
  readonly sources: readonly string[];
  /** a .dockerignore, for paths from the root */
  readonly ignores: string;
  /** who all of it shall belong to; absent: as it does */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface CopyInput {
  readonly parts: readonly CopyPart[];
  /** patterns of the same kind for paths below each source */
  readonly exclude: readonly string[];
  /** absolute; a directory when it ends in `/`, or is one */
  readonly destination: string;
  /** descriptor of what it is copied over; absent: nothing is there */
  readonly base?: number;
  /** whose directories are that have to be made */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** of all files and directories; absent: as they are */
  readonly mode?: FileMode;
  /** each source keeps its path */
  readonly keepsParents: boolean;
  /** of directories that are made */
  readonly createdSeconds: number;
  /** where to write to; absent: it is only hashed */
  readonly fd?: number;
}

/** Something that is to be copied. */
export interface CopySource {
  /** absolute, as it was found */
  readonly name: string;
  /** absolute, without links */
  readonly path: string;
  /** what of the name stays when the directories on the way are kept */
  readonly kept: string;
  readonly isDirectory: boolean;
}

export interface CopyResult {
  /** of all that makes a difference; of nothing when it was written somewhere */
  readonly digest: Digest;
  /** of sources, patterns resolved */
  readonly count: number;
}

export type FindSourcesInput = Omit<CopyPart, 'owner'>;

/** `foreign`: compressed so that other programs would have to unpack it */
export type FoundSource = CopySource & { readonly archive?: 'archive' | 'foreign' };

export interface LayerChangesInput {
  /** open directory of a container's layer; it stays the caller's, as the others do */
  readonly layer: number;
  /** those of the layers below, uppermost first */
  readonly below: readonly number[];
}

export interface FileChange {
  /** absolute, as it is shown */
  readonly path: string;
  readonly kind: 'modified' | 'added' | 'deleted';
}

/** What the worker threads can do, by name. */
export interface JailJobs {
  readonly extract: { readonly input: ExtractInput; readonly output: ExtractResult };
  /** Gives such directories the owner, mode and times they have in the layers below, uppermost first. */
  readonly adopt: {
    readonly input: {
      readonly layer: string;
      readonly parents: readonly string[];
      readonly paths: readonly string[];
    };
    readonly output: undefined;
  };
  readonly index: { readonly input: IndexInput; readonly output: IndexResult };
  readonly sealIndex: { readonly input: SealIndexInput; readonly output: undefined };
  readonly findRecipe: { readonly input: FindRecipeInput; readonly output: GzipRecipe | undefined };
  readonly rebuild: { readonly input: RebuildInput; readonly output: Digest };
  readonly frameLayer: { readonly input: FrameInput; readonly output: FrameResult };
  readonly renameOpaque: { readonly input: RenameOpaqueInput; readonly output: number };
  readonly proveLayer: { readonly input: PackedInput; readonly output: undefined };
  readonly measure: {
    readonly input: { readonly archive: ArchiveInput };
    readonly output: ArchiveFacts;
  };
  readonly copyTree: {
    readonly input: { readonly root: string; readonly path: string; readonly destination: string };
    readonly output: boolean;
  };
  /** Writes a tar of a tree to an open descriptor of this process. */
  readonly pack: { readonly input: PackInput; readonly output: undefined };
  /** As {@link JailJobs.pack}, for what several layers make together: one layer. */
  readonly packLayers: { readonly input: PackLayersInput; readonly output: undefined };
  /** A layer of what COPY copies, or the digest of it. */
  readonly packCopy: { readonly input: CopyInput; readonly output: CopyResult };
  readonly findSources: { readonly input: FindSourcesInput; readonly output: readonly FoundSource[] };
  /** Unpacks an archive in a tree that somebody may change meanwhile. */
  readonly writeTree: { readonly input: WriteTreeInput; readonly output: undefined };
  /** What a container changed of its image. */
  readonly layerChanges: { readonly input: LayerChangesInput; readonly output: FileChange[] };
  readonly usage: { readonly input: { readonly path: string }; readonly output: TreeUsage };
  /** What may have to wait for a server, or for a disk to be repaired. */
  readonly bindInto: { readonly input: BindIntoInput; readonly output: undefined };
  readonly mount: {
    readonly input: { readonly target: string; readonly spec: MountSource };
    readonly output: undefined;
  };
  readonly unmount: { readonly input: { readonly target: string }; readonly output: undefined };
  readonly lookAt: { readonly input: LookAtInput; readonly output: Look };
  readonly bindPart: { readonly input: BindPartInput; readonly output: NotFound | undefined };
  readonly sync: { readonly input: { readonly path: string }; readonly output: undefined };
  /** Gives a tree a label of SELinux. */
  readonly relabel: {
    readonly input: { readonly path: string; readonly context: string };
    readonly output: RelabelResult;
  };
  readonly removeTree: { readonly input: { readonly path: string }; readonly output: boolean };
}

export type JailJobName = keyof JailJobs;

export interface JailRequest<N extends JailJobName = JailJobName> {
  /** comes back with the reply */
  readonly id: number;
  readonly job: N;
  readonly input: JailJobs[N]['input'];
  /** one byte; not 0 means: stop */
  readonly stop: SharedArrayBuffer;
}

/** Ends the thread once it has nothing to do. Killing one from outside while it loads FFI code ends the process. */
export const JAIL_CLOSE = 'close';

export interface JailFailure {
  readonly kind: string;
  readonly message: string;
  readonly code?: string;
}

export type JailResult = { readonly output: unknown } | { readonly failure: JailFailure };
export type JailReply = JailResult & { readonly id: number };
