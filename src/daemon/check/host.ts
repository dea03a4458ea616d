/** What the probes see of the machine. Tests give a made-up one. */
export interface Host {
  readonly isRoot: boolean;
  /** the text of a file, `undefined` when it cannot be read */
  read(path: string): string | undefined;
  exists(path: string): boolean;
  /** names in a folder, none when it cannot be read */
  list(path: string): readonly string[];
  /** free space for unprivileged users; `undefined` when unknown */
  freeBytes(path: string): number | undefined;
  /** Runs a program to its end; status 127 when it is not there, 124 when it took too long. */
  run(program: string, args: readonly string[]): Promise<ProgramResult>;
}

export interface ProgramResult {
  readonly status: number;
  /** both streams, in the order they were read, cut at 64 KiB */
  readonly output: string;
}
