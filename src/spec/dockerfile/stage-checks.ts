import { nearest } from '#base/spelling';
import { PLATFORM_ARGUMENTS, PROXY_ARGUMENTS } from './build-arguments.ts';
import { expandWord } from './expand-word.ts';
import type { ArgInstruction, Stage, StageInstruction, Warning, Word } from './instructions.ts';

/** What is seen when instructions are looked at together. */
export function checkStages(stages: readonly Stage[], globalArgs: readonly ArgInstruction[]): Warning[] {
  const globals = new Map(globalArgs.flatMap(({ args }) => args.map(({ key, value }) => [key, value])));
  return [
    ...duplicateNames(stages),
    ...stages.flatMap(stage => [
      ...fromVariables(stage, globals),
      ...repeated(stage),
      ...relativeWorkdir(stage, stages),
    ]),
  ];
}

function duplicateNames(stages: readonly Stage[]): Warning[] {
  const seen = new Set<string>();
  return stages.flatMap(({ name, from }) => {
    if (name === undefined) return [];
    const isSeen = seen.has(name);
    seen.add(name);
    const message = `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`;
    return isSeen ? [{ rule: 'DuplicateStageName', message, line: from.lines.first }] : [];
  });
}

/** FROM sees the arguments above the first one only. */
function fromVariables({ from }: Stage, globals: ReadonlyMap<string, string | undefined>): Warning[] {
  const line = from.lines.first;
  const undeclared = variablesOf(from.image, from.platform ?? '').filter(
    name => !globals.has(name) && !PLATFORM_ARGUMENTS.has(name) && !PROXY_ARGUMENTS.has(name),
  );
  const warnings = undeclared.map(name => ({
    rule: 'UndefinedArgInFrom',
    message: `FROM argument '${name}' is not declared${meant(name, globals.keys())}`,
    line,
  }));
  const image = expandedOrNone(from.image, name => globals.get(name));
  if (undeclared.length === 0 && (image === '' || image?.endsWith(':') || image?.startsWith(':'))) {
    const [name = ''] = variablesOf(from.image);
    const message = `Default value for ARG ${from.image} results in empty or invalid base image name`;
    if (name !== '') warnings.push({ rule: 'InvalidDefaultArgInFrom', message, line });
  }
  return warnings;
}

const ONCE = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'] as const;

function repeated({ instructions }: Stage): Warning[] {
  return ONCE.flatMap(keyword =>
    instructions
      .filter(instruction => instruction.keyword === keyword)
      .slice(0, -1)
      .map(({ lines }) => ({
        rule: 'MultipleInstructionsDisallowed',
        message: `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
        line: lines.first,
      })),
  );
}

/** Relative to what the base image has, which may change; a stage of this file is known. */
function relativeWorkdir({ from, instructions }: Stage, stages: readonly Stage[]): Warning[] {
  const isKnown = from.image === 'scratch' || stages.some(({ name }) => name === from.image.toLowerCase());
  const first = instructions.find(({ keyword }) => keyword === 'WORKDIR');
  if (isKnown || first?.keyword !== 'WORKDIR' || /^["']?[/$]/.test(first.path)) return [];
  const message = `Relative workdir ${JSON.stringify(first.path)} can have unexpected results if the base image changes`;
  return [{ rule: 'WorkdirRelativePath', message, line: first.lines.first }];
}

/** Variables that an instruction needs. */
export function variablesIn(instruction: StageInstruction): string[] {
  return variablesOf(...wordsOf(instruction));
}

/** For the builder, who knows all the variables that there are: a base image brings some. */
export function undefinedVariable(name: string, known: Iterable<string>, line: number): Warning {
  const message = `Usage of undefined variable '$${name}'${meant(name, known, '$')}`;
  return { rule: 'UndefinedVar', message, line };
}

/** Looking for what was meant among more takes longer than it is worth. */
const MOST_CANDIDATES = 200;

function meant(name: string, known: Iterable<string>, sign = ''): string {
  const found = nearest(name, Iterator.from(known).take(MOST_CANDIDATES));
  return found === undefined ? '' : ` (did you mean ${sign}${found}?)`;
}

/** What of an instruction is expanded. */
export function wordsOf(instruction: StageInstruction): Word[] {
  switch (instruction.keyword) {
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.flatMap(({ key, value }) => [key, value]);
    case 'ARG':
      return instruction.args.flatMap(({ value }) => value ?? []);
    case 'COPY':
    case 'ADD': {
      const { sources, destination, chown, chmod, exclude } = instruction;
      const checksum = instruction.keyword === 'ADD' ? instruction.checksum : undefined;
      return [...sources, destination, ...exclude, chown ?? '', chmod ?? '', checksum ?? ''];
    }
    case 'WORKDIR':
      return [instruction.path];
    case 'USER':
      return [instruction.user];
    case 'VOLUME':
      return [...instruction.paths];
    case 'EXPOSE':
      return [...instruction.ports];
    case 'STOPSIGNAL':
      return [instruction.signal];
    case 'RUN':
      return instruction.mounts.flatMap(({ fields }) => Object.values(fields));
    case 'CMD':
    case 'ENTRYPOINT':
    case 'HEALTHCHECK':
    case 'MAINTAINER':
    case 'ONBUILD':
    case 'SHELL':
      return [];
    default:
      return instruction satisfies never;
  }
}

/** Variables that words need; one with a default, or that is asked whether it is there, needs not be. */
function variablesOf(...words: readonly Word[]): string[] {
  const names = new Set<string>();
  for (const word of words) {
    const plain = word.replace(/\$\{\w+:?[-+?][^}]{0,200}\}/g, '');
    expandedOrNone(plain, name => {
      if (/^[A-Za-z_]/.test(name)) names.add(name);
      return undefined;
    });
  }
  return [...names];
}

function expandedOrNone(word: Word, variables: (name: string) => string | undefined): string | undefined {
  try {
    return expandWord(word, variables);
  } catch (error) {
    if (error instanceof Error) return undefined; // said when the instruction is run
    throw error;
  }
}
