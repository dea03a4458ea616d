import type { FromInstruction, Stage, StageInstruction } from '#spec/dockerfile/instructions';
import type { BuildVertex } from './build-event.ts';
import type { BuildProgress } from './build-progress.ts';
import { type StageNames, stageNames } from './stage-names.ts';

/** The steps of a stage as progress shows them. */
export interface StageVertices {
  readonly names: StageNames;
  readonly from: BuildVertex;
  /** one for each of its instructions */
  readonly instructions: readonly BuildVertex[];
}

export interface VertexPlan {
  /** that will be built, in the order of the file */
  readonly stages: readonly Stage[];
  /** of the whole file */
  readonly stageCount: number;
  readonly baseOf: (stage: Stage) => string;
}

const LONGEST_NAME = 1000;

/** Gives every step of the stages its number and name, in the order of the file. */
export function planVertices(
  { stages, stageCount, baseOf }: VertexPlan,
  progress: BuildProgress,
): Map<Stage, StageVertices> {
  const total = stages.reduce((sum, { instructions }) => sum + 1 + instructions.length, 0);
  const planned = new Map<Stage, StageVertices>();
  let number = 0;
  for (const stage of stages) {
    const names = stageNames(stage, stageCount);
    const places = 1 + stage.instructions.filter(changesFiles).length;
    let place = 1;
    number += 1;
    const from = progress.vertex({
      name: named(names, `1/${places}`, `FROM ${baseOf(stage)}`),
      kind: 'from',
      step: { ...placeOf(stage.from, names), number, total },
    });
    const instructions = stage.instructions.map(instruction => {
      number += 1;
      if (changesFiles(instruction)) place += 1;
      return progress.vertex({
        name: named(
          names,
          changesFiles(instruction) ? `${place}/${places}` : '',
          shortened(instruction.original),
        ),
        kind: kindOf(instruction),
        step: { ...placeOf(instruction, names), number, total },
      });
    });
    planned.set(stage, { names, from, instructions });
  }
  return planned;
}

/** For an instruction that the base image left: it goes by the number of the FROM that brought it. */
export function triggerVertex(
  instruction: StageInstruction,
  { names, from }: StageVertices,
  progress: BuildProgress,
): BuildVertex {
  return progress.vertex({
    name: named(names, 'ONBUILD', shortened(instruction.original)),
    kind: kindOf(instruction),
    ...(from.step ? { step: { ...from.step, text: shortened(instruction.original) } } : {}),
  });
}

/** On one line, and no longer than somebody reads. */
export function shortened(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' ').trim();
  return line.length > LONGEST_NAME ? `${line.slice(0, LONGEST_NAME)}…` : line;
}

function named({ shown }: StageNames, place: string, text: string): string {
  const label = [shown, place].filter(Boolean).join(' ');
  return label === '' ? text : `[${label}] ${text}`;
}

function placeOf({ original, lines }: StageInstruction | FromInstruction, { name }: StageNames) {
  return { text: shortened(original), line: lines.first, stage: name };
}

/** Steps that progress counts within a stage. */
function changesFiles({ keyword }: StageInstruction): boolean {
  return keyword === 'RUN' || keyword === 'COPY' || keyword === 'ADD' || keyword === 'WORKDIR';
}

function kindOf({ keyword }: StageInstruction): BuildVertex['kind'] {
  if (keyword === 'RUN') return 'run';
  return keyword === 'COPY' || keyword === 'ADD' || keyword === 'WORKDIR' ? 'copy' : 'metadata';
}
