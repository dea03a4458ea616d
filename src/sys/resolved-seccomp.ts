/** One comparison of a rule, as in `config.json` (OCI runtime spec, `linux.seccomp.syscalls[].args`). */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number | bigint;
  readonly valueTwo: number | bigint;
  readonly op: string;
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

/** A profile with every condition decided: what `linux.seccomp` holds (OCI runtime spec 1.0.2). */
export interface ResolvedSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
}
