/**
 * A parsed Dockerfile, as data.
 *
 * A {@link Word} stands as it was written: quotes, escapes and variables are in it, because what a variable means depends on the
 * instructions before it and on the build. `expandWord()` and `expandWords()` of `expand-word.ts` resolve it at that point.
 * A plain `string` is final. Names of fields follow the flags of the instructions.
 */
export interface Dockerfile {
  /** `# syntax=`, `# escape=`, `# check=` at the head of the file */
  readonly directives: Directives;
  /** `ARG` before the first `FROM`: seen by `FROM` lines, and by stages that declare the name again */
  readonly globalArgs: readonly ArgInstruction[];
  /** at least one, in the order of the file */
  readonly stages: readonly Stage[];
  readonly warnings: readonly Warning[];
}

export interface Directives {
  readonly syntax?: string;
  readonly check?: string;
  /** what continues a line and takes the meaning of a character away */
  readonly escape: Escape;
}

export type Escape = '\\' | '`';

export interface Stage {
  /** place among the stages, from 0: what `COPY --from=0` means */
  readonly index: number;
  /** what follows `AS`, in lower case; names are compared without regard to case */
  readonly name?: string;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** Something that works and is probably not meant, or will not work elsewhere. */
export interface Warning {
  /** name of the rule, as Docker's build checks have it: `StageNameCasing` */
  readonly rule: string;
  readonly message: string;
  readonly line: number;
}

/** Lines of the file, counted from 1, both included. */
export interface Lines {
  readonly first: number;
  readonly last: number;
}

/** Unexpanded: quotes, escapes and variables are still in it. */
export type Word = string;

interface Written {
  readonly lines: Lines;
  /** as written, continued lines joined, comments between them left out, without the bodies of here-documents */
  readonly original: string;
}

export interface Pair {
  readonly key: Word;
  readonly value: Word;
}

/** `<<EOF` and the lines up to `EOF`. */
export interface Heredoc {
  /** the word that ends it; also the name of the file it makes */
  readonly name: string;
  /** with the tabs of `<<-` already off; ends in a line feed unless it is empty */
  readonly content: string;
  /** whether variables in it are replaced (the word was not quoted); meant for COPY and ADD */
  readonly isExpanded: boolean;
}

/** What CMD, ENTRYPOINT and the test of HEALTHCHECK run. Variables in it are the shell's business. */
export type Command =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  /** one argument after those of SHELL */
  | { readonly form: 'shell'; readonly text: string };

/** What RUN runs. Variables in it are the shell's business. */
export type RunCommand =
  | Command
  /** a here-document that begins with `#!`: an executable file of that name, run without a shell */
  | { readonly form: 'script'; readonly name: string; readonly content: string };

export interface FromInstruction extends Written {
  readonly keyword: 'FROM';
  /** reference of an image, name of an earlier stage, or `scratch`; sees global arguments only */
  readonly image: Word;
  readonly platform?: Word;
  /** as written; compare `Stage.name` */
  readonly as?: string;
}

export interface ArgInstruction extends Written {
  readonly keyword: 'ARG';
  readonly args: readonly { readonly key: string; readonly value?: Word }[];
}

export interface EnvInstruction extends Written {
  readonly keyword: 'ENV';
  readonly pairs: readonly Pair[];
}

export interface LabelInstruction extends Written {
  readonly keyword: 'LABEL';
  readonly pairs: readonly Pair[];
}

export interface RunInstruction extends Written {
  readonly keyword: 'RUN';
  readonly command: RunCommand;
  readonly mounts: readonly RunMount[];
  readonly network?: 'default' | 'none' | 'host';
  readonly security?: 'sandbox' | 'insecure';
  readonly devices: readonly string[];
}

export type RunMountType = 'bind' | 'cache' | 'tmpfs' | 'secret' | 'ssh';

/** `--mount=type=…,key=value,…`; `resolveRunMount()` of `run-mount.ts` makes typed values of it. */
export interface RunMount {
  readonly type: RunMountType;
  /** keys in lower case and by one name each (`target`, not `dst`), known for this type; a key without `=` means `true` */
  readonly fields: Readonly<Record<string, Word>>;
}

interface Transfer extends Written {
  /** paths, patterns, and for ADD addresses; empty when only here-documents are copied */
  readonly sources: readonly Word[];
  /** files that stand in the Dockerfile itself, copied under their names */
  readonly heredocs: readonly Heredoc[];
  readonly destination: Word;
  readonly chown?: Word;
  readonly chmod?: Word;
  readonly link: boolean;
  readonly exclude: readonly Word[];
}

export interface CopyInstruction extends Transfer {
  readonly keyword: 'COPY';
  /** name or number of a stage, a named context, or an image; no variables */
  readonly from?: string;
  readonly parents: boolean;
}

export interface AddInstruction extends Transfer {
  readonly keyword: 'ADD';
  readonly checksum?: Word;
  readonly keepGitDir: boolean;
  /** whether archives are unpacked; absent: local ones are, downloaded ones are not */
  readonly unpack?: boolean;
}

export interface WorkdirInstruction extends Written {
  readonly keyword: 'WORKDIR';
  readonly path: Word;
}

export interface UserInstruction extends Written {
  readonly keyword: 'USER';
  readonly user: Word;
}

export interface VolumeInstruction extends Written {
  readonly keyword: 'VOLUME';
  readonly paths: readonly Word[];
}

export interface ExposeInstruction extends Written {
  readonly keyword: 'EXPOSE';
  /** each may expand to several: use `expandWords()` */
  readonly ports: readonly Word[];
}

export interface EntrypointInstruction extends Written {
  readonly keyword: 'ENTRYPOINT';
  readonly command: Command;
}

export interface CmdInstruction extends Written {
  readonly keyword: 'CMD';
  readonly command: Command;
}

export interface ShellInstruction extends Written {
  readonly keyword: 'SHELL';
  readonly args: readonly string[];
}

export interface HealthcheckInstruction extends Written {
  readonly keyword: 'HEALTHCHECK';
  /** `none` takes the check of the base image away */
  readonly check: 'none' | HealthTest;
}

/** Times in nanoseconds, as image configurations have them; absent: inherited. */
export interface HealthTest {
  readonly command: Command;
  readonly intervalNanos?: number;
  readonly timeoutNanos?: number;
  readonly startPeriodNanos?: number;
  readonly startIntervalNanos?: number;
  readonly retries?: number;
}

export interface StopsignalInstruction extends Written {
  readonly keyword: 'STOPSIGNAL';
  readonly signal: Word;
}

export interface OnbuildInstruction extends Written {
  readonly keyword: 'ONBUILD';
  /** an instruction as text, as the image keeps it; `parseTrigger()` of `parse-dockerfile.ts` reads it */
  readonly trigger: string;
}

export interface MaintainerInstruction extends Written {
  readonly keyword: 'MAINTAINER';
  readonly maintainer: string;
}

export type StageInstruction =
  | ArgInstruction
  | EnvInstruction
  | LabelInstruction
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | WorkdirInstruction
  | UserInstruction
  | VolumeInstruction
  | ExposeInstruction
  | EntrypointInstruction
  | CmdInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | StopsignalInstruction
  | OnbuildInstruction
  | MaintainerInstruction;

export type Instruction = FromInstruction | StageInstruction;
export type Keyword = Instruction['keyword'];
