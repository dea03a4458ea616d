import { wantedWarnings } from './check-directive.ts';
import { checkInstruction } from './instruction-checks.ts';
import type { ArgInstruction, Directives, Instruction, Stage, Warning } from './instructions.ts';
import type { LogicalLine } from './logical-lines.ts';
import { checkStages } from './stage-checks.ts';

export interface Checked {
  readonly lines: readonly LogicalLine[];
  readonly instructions: readonly Instruction[];
  readonly stages: readonly Stage[];
  readonly globalArgs: readonly ArgInstruction[];
  readonly directives: Directives;
}

/** A thousand warnings say no more. */
const MOST_WARNINGS = 200;

/**
 * What Docker's build checks warn of, as far as the text alone tells.
 *
 * @throws {EngineError} `invalid`, where the file wants warnings to be errors.
 */
export function checkDockerfile(file: Checked): Warning[] {
  const warnings = [
    ...file.lines.flatMap(({ emptyLines }) =>
      emptyLines.map(line => ({ rule: 'NoEmptyContinuation', message: 'Empty continuation line', line })),
    ),
    ...otherSyntax(file.directives),
    ...casing(file),
    ...file.instructions.flatMap(instruction => checkInstruction(instruction, file.directives.escape)),
    ...checkStages(file.stages, file.globalArgs),
  ];
  return wantedWarnings(warnings, file.directives)
    .toSorted((a, b) => a.line - b.line)
    .slice(0, MOST_WARNINGS);
}

/** Versions of the language are all read alike; a program of somebody's that reads another is not run. */
function otherSyntax({ syntax }: Directives): Warning[] {
  if (syntax === undefined || /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@]|$)/.test(syntax))
    return [];
  const message = `syntax ${JSON.stringify(syntax)} is not followed: the file is read as a Dockerfile`;
  return [{ rule: 'UnknownSyntax', message, line: 1 }];
}

/** Either case is fine, one for all. */
function casing({ lines }: Checked): Warning[] {
  const words = lines.map(({ text, lines: { first } }) => ({
    word: /^\S+/.exec(text)?.[0] ?? '',
    line: first,
  }));
  const upper = words.filter(({ word }) => word === word.toUpperCase()).length;
  const lower = words.filter(({ word }) => word === word.toLowerCase()).length;
  const isUpper = upper >= lower;
  return words.flatMap(({ word, line }) => {
    const wanted = isUpper ? word.toUpperCase() : word.toLowerCase();
    if (word === wanted) return [];
    const majority = isUpper ? 'uppercase' : 'lowercase';
    const message = `Command '${word}' should match the case of the command majority (${majority})`;
    return [{ rule: 'ConsistentInstructionCasing', message, line }];
  });
}
