import type { CliContext } from './context.ts';

/**
 * How a flag's value is read: `list` collects one entry per use, `strings` also splits each at commas, `bytes` reads `1g`, `swap` also `-1`,
 * `duration` reads `1m30s` into nanoseconds, `decimal` reads a number of CPUs into billionths.
 */
export type FlagType =
  | 'bool'
  | 'string'
  | 'int'
  | 'bytes'
  | 'swap'
  | 'duration'
  | 'decimal'
  | 'list'
  | 'strings';

export interface Flag {
  readonly type: FlagType;
  /** one letter */
  readonly short?: string;
  readonly help: string;
  /** What help shows instead of the type, as `filter` or `mount`. */
  readonly shows?: string;
  /** Only for `bool`: what it is when not given. */
  readonly on?: true;
  /** Understood, but not in the help. */
  readonly hidden?: true;
}

/** Flags by their long names. */
export type FlagSet = Readonly<Record<string, Flag>>;

type ValueOf<T extends FlagType> = T extends 'bool'
  ? boolean
  : T extends 'string'
    ? string
    : T extends 'list' | 'strings'
      ? string[]
      : number | undefined;

/** The values of a flag set. What was not given is `false`, `''`, `[]` or `undefined`. */
export type FlagValues<F extends FlagSet> = { readonly [K in keyof F]: ValueOf<F[K]['type']> };

export interface Invocation<F extends FlagSet = FlagSet> {
  readonly flags: FlagValues<F>;
  /** Long names of the flags that were on the command line. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

export interface Command<F extends FlagSet = FlagSet> {
  /** What follows `quai`, in the help: `run [OPTIONS] IMAGE [COMMAND] [ARG...]`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: F;
  /** How many arguments; `max` absent means any number. */
  readonly args: { readonly min: number; readonly max?: number };
  /** For too few or too many arguments: what was probably meant, in one line. */
  countHint?(args: readonly string[]): string | undefined;
  /** Flags end at the first argument: the rest belongs to the program in the container. */
  readonly stopsAtArgument?: true;
  /** The exit status of errors in flags and arguments; Docker uses 125 for `run`. */
  readonly usageStatus?: number;
  /** @returns the exit status. */
  run(context: CliContext, invocation: Invocation<F>): Promise<number>;
}

/** Gives `run` the types of the flags it declares. */
export function command<const F extends FlagSet>(definition: Command<F>): Command {
  // A Command<F> is only ever run with what its own flag set parsed to, see `parseFlags`.
  return definition as unknown as Command;
}
