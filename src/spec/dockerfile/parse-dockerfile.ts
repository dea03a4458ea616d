import { EngineError } from '#base/errors';
import { checkDockerfile } from './checks.ts';
import { parseDirectives } from './directives.ts';
import { onLine, parseError } from './dockerfile-error.ts';
import { dockerfileText } from './dockerfile-text.ts';
import type {
  ArgInstruction,
  Dockerfile,
  Escape,
  FromInstruction,
  Instruction,
  Stage,
  StageInstruction,
} from './instructions.ts';
import { logicalLines } from './logical-lines.ts';
import { parseInstruction } from './parse-instruction.ts';

const MOST_STAGES = 1000;

/**
 * Reads a Dockerfile, bytes or text.
 *
 * What is wrong names the line. What only looks wrong is among the warnings; `# check=error=true` makes errors of them.
 *
 * @throws {EngineError} `invalid`.
 */
export function parseDockerfile(source: string | Uint8Array): Dockerfile {
  const text = dockerfileText(source);
  const directives = parseDirectives(text.lines);
  const lines = logicalLines(text, directives.escape);
  if (lines.length === 0) throw new EngineError('invalid', 'file with no instructions');
  const instructions = lines.map(line =>
    onLine(line.lines.first, () => parseInstruction(line, directives.escape)),
  );
  const { globalArgs, stages } = assemble(instructions);
  return {
    directives,
    globalArgs,
    stages,
    warnings: checkDockerfile({ lines, instructions, stages, globalArgs, directives }),
  };
}

/**
 * Reads what ONBUILD left in an image.
 *
 * @throws {EngineError} `invalid`.
 */
export function parseTrigger(trigger: string, escape: Escape = '\\'): StageInstruction {
  const [line, ...others] = logicalLines(dockerfileText(trigger), escape);
  const instruction = line && others.length === 0 ? parseInstruction(line, escape) : undefined;
  if (!instruction || instruction.keyword === 'FROM') {
    throw new EngineError('invalid', `ONBUILD trigger is not one instruction: ${JSON.stringify(trigger)}`);
  }
  return instruction;
}

interface OpenStage {
  readonly from: FromInstruction;
  readonly instructions: StageInstruction[];
}

function assemble(instructions: readonly Instruction[]): {
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
} {
  const globalArgs: ArgInstruction[] = [];
  const stages: OpenStage[] = [];
  for (const instruction of instructions) {
    const { lines } = instruction;
    const stage = stages.at(-1);
    if (instruction.keyword === 'FROM') {
      if (stages.length >= MOST_STAGES) throw parseError(lines.first, `more than ${MOST_STAGES} stages`);
      stages.push({ from: instruction, instructions: [] });
    } else if (stage) stage.instructions.push(instruction);
    else if (instruction.keyword === 'ARG') globalArgs.push(instruction);
    else {
      const hint = 'begin with FROM; only ARG may stand before it';
      throw parseError(lines.first, `no build stage in current context: ${hint}`);
    }
  }
  if (stages.length === 0)
    throw new EngineError('invalid', 'dockerfile contains no stages to build: it has no FROM');
  return { globalArgs, stages: stages.map(named) };
}

function named({ from, instructions }: OpenStage, index: number): Stage {
  return { index, from, instructions, ...(from.as !== undefined && { name: from.as.toLowerCase() }) };
}
