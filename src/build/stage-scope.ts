import { PLATFORM_ARGUMENTS, PROXY_ARGUMENTS } from '#spec/dockerfile/build-arguments';
import { expandWord, expandWords, type Variables } from '#spec/dockerfile/expand-word';
import type { ArgInstruction, Escape, Word } from '#spec/dockerfile/instructions';

/** What `ARG` gets its values from, for all stages. */
export interface BuildArguments {
  /** of the request; `null`: named without a value */
  readonly given: ReadonlyMap<string, string | null>;
  /** declared before the first FROM, with what they are then */
  readonly global: ReadonlyMap<string, string | undefined>;
  /** TARGETARCH and the like */
  readonly platform: Readonly<Record<string, string>>;
  /** names of the request that some ARG has asked for */
  readonly used: Set<string>;
}

/** What the request says of a name; nothing when it does not, or names it without a value. */
export function givenArgument({ given, used }: BuildArguments, name: string): string | undefined {
  const value = given.get(name) ?? undefined;
  if (given.has(name)) used.add(name);
  return value;
}

/** The arguments before the first FROM. */
export function globalArguments(
  instructions: readonly ArgInstruction[],
  { given, platform, used }: Omit<BuildArguments, 'global'>,
  escape: Escape,
): Map<string, string | undefined> {
  const global = new Map<string, string | undefined>();
  const args: BuildArguments = { given, platform, used, global };
  const variables: Variables = name => global.get(name) ?? platform[name];
  for (const { key, value } of instructions.flatMap(each => each.args)) {
    const own =
      givenArgument(args, key) ??
      (value === undefined ? undefined : expandWord(value, variables, { escape }));
    global.set(key, own ?? platform[key]);
  }
  return global;
}

/** The variables of one stage: its arguments, and the environment of its image, which goes first. */
export class StageScope {
  readonly #args: BuildArguments;
  readonly #escape: Escape;
  readonly #declared = new Map<string, string | undefined>();
  #env: readonly string[];

  constructor(args: BuildArguments, escape: Escape, env: readonly string[]) {
    this.#args = args;
    this.#escape = escape;
    this.#env = env;
  }

  /** For a stage that is made from this one, which knows its arguments. */
  inherited(env: readonly string[]): StageScope {
    const scope = new StageScope(this.#args, this.#escape, env);
    for (const [name, value] of this.#declared) scope.#declared.set(name, value);
    return scope;
  }

  setEnv(env: readonly string[]): void {
    this.#env = env;
  }

  declare({ args }: ArgInstruction): void {
    for (const { key, value } of args) {
      const byDefault = value === undefined ? this.#inherited(key) : this.expand(value);
      this.#declared.set(key, givenArgument(this.#args, key) ?? byDefault);
    }
  }

  #inherited(key: string): string | undefined {
    const { global, platform } = this.#args;
    if (global.has(key)) return global.get(key);
    return PLATFORM_ARGUMENTS.has(key) ? platform[key] : undefined;
  }

  readonly variables: Variables = name => {
    const set = this.#env.findLast(pair => pair.startsWith(`${name}=`));
    return set === undefined ? this.#declared.get(name) : set.slice(name.length + 1);
  };

  /** Whether there is one of that name, be it without a value. */
  knows(name: string): boolean {
    return this.#declared.has(name) || this.variables(name) !== undefined;
  }

  /** Of all that there are. */
  names(): string[] {
    return [...this.#declared.keys(), ...this.#env.map(pair => pair.split('=', 1)[0] ?? '')];
  }

  expand(word: Word): string {
    return expandWord(word, this.variables, { escape: this.#escape });
  }

  expandAll(word: Word): string[] {
    return expandWords(word, this.variables, { escape: this.#escape });
  }

  /** The body of a here-document: quotes in it mean nothing. */
  expandBody(text: string): string {
    return expandWord(text, this.variables, { escape: this.#escape, keepsQuotes: true });
  }

  /** `NAME=value` of arguments that RUN sees and the environment does not set, sorted. */
  argumentPairs(): string[] {
    return [...this.#declared]
      .filter(([name, value]) => value !== undefined && !this.#env.some(pair => pair.startsWith(`${name}=`)))
      .map(([name, value]) => `${name}=${value ?? ''}`)
      .toSorted();
  }

  /** What RUN sees without any ARG, and nobody keeps: no key of the cache, no history. */
  proxyPairs(): string[] {
    return [...this.#args.given].flatMap(([name, value]) => {
      if (value === null || !PROXY_ARGUMENTS.has(name)) return [];
      this.#args.used.add(name);
      return this.#declared.has(name) ? [] : [`${name}=${value}`];
    });
  }
}
